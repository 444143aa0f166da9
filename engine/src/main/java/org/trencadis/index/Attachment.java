package org.trencadis.index;

import org.trencadis.format.Value;

/**
 * What is not a tensor: random states, schedulers, arguments.
 *
 * @param scope the source file it stood in, relative to the catalog's base
 */
public record Attachment(String name, String scope, Value value) {}
