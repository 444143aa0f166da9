package org.trencadis;

import java.util.SortedMap;

/**
 * Digests of a whole checkpoint: equal for the same state of training, whatever layout wrote it.
 *
 * @param universal over all tensors that are not derived
 * @param run over optimizer groups, steps and loss scaler
 * @param states state name to the digest of its tensors
 * @param isStored whether they were read from a container instead of computed
 */
public record CheckpointDigests(byte[] universal, byte[] run, SortedMap<String, byte[]> states, boolean isStored) {}
