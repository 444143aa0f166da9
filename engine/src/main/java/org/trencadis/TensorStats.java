package org.trencadis;

import org.trencadis.index.Tensor;

/**
 * Numbers about the elements of a tensor, or of what one rank held of it.
 *
 * @param rank the source rank, or -1 for the whole tensor
 * @param elements how many were looked at
 * @param min least finite element, NaN where there is none; so are the following
 * @param max greatest finite element
 * @param mean of the finite elements
 * @param norm square root of the sum of their squares
 */
public record TensorStats(
        Tensor tensor,
        long rank,
        long elements,
        long nanCount,
        long infCount,
        double min,
        double max,
        double mean,
        double norm) {}
