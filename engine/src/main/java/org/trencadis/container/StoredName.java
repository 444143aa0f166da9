package org.trencadis.container;

/**
 * A name in a container and what is there under its highest generation.
 *
 * @param hasIndex whether the index is there; without it the checkpoint is lost until it is repaired from the twin
 * @param hasTwin whether the twin is there
 */
public record StoredName(String name, long generation, boolean hasIndex, boolean hasTwin) {}
