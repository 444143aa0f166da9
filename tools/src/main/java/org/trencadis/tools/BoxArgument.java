package org.trencadis.tools;

import java.util.Arrays;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;

/** A part of a tensor as a person writes it: {@code 0:10,5:7}, from and one past the end per axis. */
final class BoxArgument {
    private BoxArgument() {}

    /**
     * The box that {@code text} names in a tensor of {@code shape}. An axis that is left out, or left empty ({@code :},
     * {@code 3:}), is taken whole or to its end; a single number takes that position.
     */
    static Box parse(String text, long[] shape) {
        long[] offsets = new long[shape.length];
        long[] extents = Arrays.copyOf(shape, shape.length);
        if (text == null || text.isBlank()) {
            return new Box(offsets, extents);
        }
        String[] axes = text.split(",", -1);
        if (axes.length > shape.length) {
            throw new UsageException("--box " + text + " has " + axes.length + " axes, the tensor "
                    + Shapes.print(shape) + " has " + shape.length);
        }
        for (int axis = 0; axis < axes.length; axis++) {
            long[] range = range(text, axes[axis].strip(), shape[axis], axis);
            offsets[axis] = range[0];
            extents[axis] = range[1] - range[0];
        }
        return new Box(offsets, extents);
    }

    private static long[] range(String text, String part, long extent, int axis) {
        int colon = part.indexOf(':');
        long from;
        long end;
        if (colon < 0) {
            from = number(text, part);
            end = from + 1;
        } else {
            String first = part.substring(0, colon).strip();
            String last = part.substring(colon + 1).strip();
            from = first.isEmpty() ? 0 : number(text, first);
            end = last.isEmpty() ? extent : number(text, last);
        }
        if (from > end || end > extent) {
            throw new UsageException(
                    "--box " + text + ": " + part + " is not inside axis " + axis + " of extent " + extent);
        }
        return new long[] {from, end};
    }

    private static long number(String text, String digits) {
        if (!digits.matches("[0-9]{1,18}")) {
            throw new UsageException(
                    "--box " + text + ": '" + digits + "' is no position; write from:end for each axis, as 0:10,5:7");
        }
        return Long.parseLong(digits);
    }
}
