package org.trencadis.source.distcp;

/** What the catalog calls a saved tensor. */
public record TensorKey(String name, String state) {}
