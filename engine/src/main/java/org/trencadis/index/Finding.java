package org.trencadis.index;

/** Something that a person should know about a checkpoint, met while it was read. */
public record Finding(String code, String text) {}
