package org.trencadis.index;

/**
 * One copy of a tensor, or a margin: a run of fragments that do not overlap.
 *
 * @param ordinal position in the copies section
 * @param order axes of the tensor
 * @param complete whether it is proved that each element is covered exactly once
 * @param margin whether the fragments lie beyond the logical shape
 * @param holders ordinal of the ranks that held it, or -1
 * @param root root of this copy of a blend, or null
 */
public record Copy(
        long ordinal,
        int order,
        long fragmentStart,
        long fragmentCount,
        long coordinateStart,
        boolean complete,
        boolean margin,
        int holders,
        byte[] root) {}
