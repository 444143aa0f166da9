package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;
import org.trencadis.tensor.Shapes;

/**
 * Layers or experts that one framework keeps on an axis of one tensor, another as a tensor each.
 *
 * @param stack name of the one
 * @param single name of each, with {@code place} for its number
 * @param axis of the stack
 * @param first number of the first
 */
record Stacked(NameTemplate stack, NameTemplate single, String place, int axis, long first) {
    /** Each stack becomes single tensors; one with fewer than {@code leastOrder} axes is left alone. */
    boolean unstack(ViewSet tensors, int leastOrder) throws LayoutException {
        boolean changed = false;
        for (String name : tensors.names()) {
            Map<String, String> places = stack.find(name);
            if (places != null && tensors.find(name).shape().length >= leastOrder) {
                unstack(tensors, tensors.take(name), places);
                changed = true;
            }
        }
        return changed;
    }

    private void unstack(ViewSet tensors, View whole, Map<String, String> places) throws LayoutException {
        checkAxis(whole.shape().length, whole.name());
        long[] shape = without(whole.shape());
        for (long number = 0; number < whole.shape()[axis]; number++) {
            Map<String, String> one = new HashMap<>(places);
            one.put(place, String.valueOf(first + number));
            BoxMap map = slice(whole.shape(), number).inverse();
            tensors.put(
                    new View(single.fill(one), shape, ViewSet.through(whole, List.of(map))), "the rule for " + stack);
        }
    }

    private void checkAxis(int order, String name) throws LayoutException {
        if (axis >= order) {
            throw new LayoutException("names: " + name + " has no axis " + axis + " to be taken apart");
        }
    }

    private long[] without(long[] shape) {
        long[] shorter = new long[shape.length - 1];
        for (int to = 0; to < shorter.length; to++) {
            shorter[to] = shape[to < axis ? to : to + 1];
        }
        return shorter;
    }

    /** From one tensor to its slice of the stack. */
    private BoxMap slice(long[] stackShape, long number) {
        long[] offsets = new long[stackShape.length];
        long[] extents = stackShape.clone();
        offsets[axis] = number;
        extents[axis] = 1;
        int[] axes = new int[stackShape.length];
        for (int to = 0; to < axes.length; to++) {
            axes[to] = to == axis ? BoxMap.ADDED : to < axis ? to : to - 1;
        }
        return new BoxMap(Box.whole(without(stackShape)), new Box(offsets, extents), axes);
    }

    /** Single tensors become their stack. */
    boolean stack(ViewSet tensors) throws LayoutException {
        Map<String, TreeMap<Long, String>> stacks = new LinkedHashMap<>();
        for (String name : tensors.names()) {
            Map<String, String> places = single.find(name);
            if (places != null) {
                long number = Long.parseLong(places.get(place));
                String other = stacks.computeIfAbsent(stack.fill(places), whole -> new TreeMap<>())
                        .put(number, name);
                if (other != null) {
                    throw new LayoutException(
                            "names: " + other + " and " + name + " would both be number " + number + " of a stack");
                }
            }
        }
        for (Map.Entry<String, TreeMap<Long, String>> entry : stacks.entrySet()) {
            stack(tensors, entry.getKey(), entry.getValue());
        }
        return !stacks.isEmpty();
    }

    private void stack(ViewSet tensors, String whole, TreeMap<Long, String> numbered) throws LayoutException {
        if (numbered.firstKey() != first || numbered.lastKey() != first + numbered.size() - 1) {
            throw new LayoutException(
                    "names: " + whole + " is a stack of the numbers from " + first + ", but there are "
                            + numbered.size() + ", from " + numbered.firstKey() + " to " + numbered.lastKey());
        }
        List<View.Piece> pieces = new ArrayList<>();
        long[] shape = null;
        for (Map.Entry<Long, String> entry : numbered.entrySet()) {
            View view = tensors.take(entry.getValue());
            checkAxis(view.shape().length + 1, view.name());
            long[] stacked = with(view.shape(), numbered.size());
            if (shape != null && !Arrays.equals(shape, stacked)) {
                throw new LayoutException("names: " + view.name() + " of shape " + Shapes.print(view.shape())
                        + " does not fit into stack " + whole + " of shape " + Shapes.print(shape));
            }
            shape = stacked;
            pieces.addAll(ViewSet.through(view, List.of(slice(shape, entry.getKey() - first))));
        }
        tensors.put(new View(whole, shape, pieces), "the rule for " + stack);
    }

    private long[] with(long[] shape, long count) {
        long[] longer = new long[shape.length + 1];
        for (int to = 0; to < longer.length; to++) {
            longer[to] = to == axis ? count : shape[to < axis ? to : to - 1];
        }
        return longer;
    }
}
