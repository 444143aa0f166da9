package org.trencadis.index;

/** A second name of a tied parameter. */
public record Alias(String name, String target) {}
