package org.trencadis.generate;

import java.util.Arrays;

/**
 * How tensor parallelism divides a parameter: which logical element each local element of a rank is, written down element
 * by element.
 *
 * @param kind the rule that the checkpoint declares
 * @param parts lengths along the split axis of the sub-tensors that are split one by one
 * @param widths per part and rank, in rows of the split axis
 */
record Split(Kind kind, long[] parts, long[][] widths) {
    /** The declared rules. */
    enum Kind {
        REPLICATED,
        AVERAGED,
        ROWS,
        COLUMNS,
        /** Halves of axis 0, each split. */
        HALVES,
        /** Several parts of axis 0, each split with its own widths. */
        PARTS,
        /** A matrix of {@code parts.length} stacked blocks, each split along its rows. */
        BLOCKS,
        /** Rows, padded to a multiple of the ranks. */
        VOCABULARY
    }

    static Split of(Kind kind) {
        return new Split(kind, null, null);
    }

    /** Rows that exist with padding; the logical ones come first. */
    long paddedRows(long[] shape, int ranks) {
        long multiple = 4L * ranks;
        return kind == Kind.VOCABULARY ? (shape[0] + multiple - 1) / multiple * multiple : shape[0];
    }

    long[] localShape(long[] shape, int ranks, int rank) {
        long[] local = shape.clone();
        switch (kind) {
            case REPLICATED, AVERAGED -> {}
            case COLUMNS -> local[1] = shape[1] / ranks;
            case ROWS, VOCABULARY, HALVES -> local[0] = paddedRows(shape, ranks) / ranks;
            case PARTS, BLOCKS ->
                local[0] = Arrays.stream(widths).mapToLong(width -> width[rank]).sum();
        }
        return local;
    }

    /** For each local element in row-major order, its place in the row-major order of the padded logical tensor. */
    long[] places(long[] shape, int ranks, int rank) {
        long[] local = localShape(shape, ranks, rank);
        int rows = shape.length == 0 ? 1 : Math.toIntExact(local[0]);
        long rowElements = 1;
        for (int axis = 1; axis < shape.length; axis++) {
            rowElements *= local[axis];
        }
        long fullRow = kind == Kind.COLUMNS ? rowElements * ranks : rowElements;
        long shift = kind == Kind.COLUMNS ? rank * local[1] * (rowElements / local[1]) : 0;
        long[] places = new long[Math.toIntExact(rows * rowElements)];
        for (int row = 0; row < rows; row++) {
            long from = logicalRow(row, shape, rank, rows) * fullRow + shift;
            for (long i = 0; i < rowElements; i++) {
                places[(int) (row * rowElements + i)] = from + i;
            }
        }
        return places;
    }

    private long logicalRow(int row, long[] shape, int rank, int rows) {
        return switch (kind) {
            case REPLICATED, AVERAGED, COLUMNS -> row;
            case ROWS, VOCABULARY -> (long) rank * rows + row;
            case HALVES ->
                row < rows / 2 ? (long) rank * rows / 2 + row : shape[0] / 2 + (long) rank * rows / 2 + row - rows / 2;
            case PARTS, BLOCKS -> partRow(row, rank);
        };
    }

    private long partRow(int row, int rank) {
        long start = 0;
        long left = row;
        for (int part = 0; part < parts.length; part++) {
            if (left < widths[part][rank]) {
                long before = 0;
                for (int other = 0; other < rank; other++) {
                    before += widths[part][other];
                }
                return start + before + left;
            }
            left -= widths[part][rank];
            start += parts[part];
        }
        throw new AssertionError("row " + row + " is in no part");
    }
}
