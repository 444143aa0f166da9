package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;

/** The tensors of one state while rules rename, cut and join them: at first those of a catalog, at last its views. */
final class ViewSet {
    private final String state;
    private Map<String, View> views = new LinkedHashMap<>();

    /** The tensors of {@code state} as they are. */
    ViewSet(String state, Map<String, long[]> shapes) {
        this.state = state;
        shapes.forEach((name, shape) -> views.put(name, View.of(name, shape)));
    }

    /** The names that there are now; a copy. */
    List<String> names() {
        return new ArrayList<>(views.keySet());
    }

    /** The names that there are now. */
    Set<String> liveNames() {
        return views.keySet();
    }

    View find(String name) {
        return views.get(name);
    }

    /** Takes a tensor away, to be put back as something else. */
    View take(String name) {
        return views.remove(name);
    }

    /**
     * Puts a tensor under a name.
     *
     * @throws LayoutException where the name is taken
     */
    void put(View view, String rule) throws LayoutException {
        View other = views.putIfAbsent(view.name(), view);
        if (other != null) {
            throw new LayoutException("names: " + rule + " makes " + view.name() + " of " + sources(view)
                    + ", but that name is taken by " + sources(other) + " (state " + state + ")");
        }
    }

    /** What a view is made of, as words. */
    static String sources(View view) {
        List<String> names =
                view.pieces().stream().map(View.Piece::source).distinct().toList();
        return names.size() <= 3
                ? String.join(", ", names)
                : names.getFirst() + " and " + (names.size() - 1) + " others";
    }

    /** Replaces all tensors by what a rename makes of them, with every name free before the first is taken. */
    void rename(Map<String, String> renames, String rule) throws LayoutException {
        Map<String, View> before = views;
        views = new LinkedHashMap<>();
        for (Map.Entry<String, View> entry : before.entrySet()) {
            String name = renames.getOrDefault(entry.getKey(), entry.getKey());
            put(new View(name, entry.getValue().shape(), entry.getValue().pieces()), rule);
        }
    }

    /** What {@code maps} take of a view, as pieces of another. */
    static List<View.Piece> through(View view, List<BoxMap> maps) {
        List<View.Piece> pieces = new ArrayList<>();
        for (BoxMap map : maps) {
            for (View.Piece piece : view.pieces()) {
                BoxMap both = piece.map().findThen(map);
                if (both != null) {
                    pieces.add(new View.Piece(piece.source(), both));
                }
            }
        }
        return pieces;
    }

    /** The views that the rules made, with pieces that continue each other joined. */
    List<View> views() {
        return views.values().stream().map(ViewSet::joined).toList();
    }

    private static View joined(View view) {
        if (view.pieces().size() == 1) {
            return view;
        }
        List<View.Piece> sorted = new ArrayList<>(view.pieces());
        sorted.sort((one, other) ->
                Arrays.compare(one.map().to().offsets(), other.map().to().offsets()));
        List<View.Piece> joined = new ArrayList<>();
        for (View.Piece piece : sorted) {
            View.Piece both = joined.isEmpty() ? null : findJoined(joined.getLast(), piece, view.shape());
            if (both == null) {
                joined.add(piece);
            } else {
                joined.set(joined.size() - 1, both);
            }
        }
        return new View(view.name(), view.shape(), joined);
    }

    /** Two pieces as one, where the second continues the first on one axis of both tensors; else null. */
    private static View.Piece findJoined(View.Piece first, View.Piece second, long[] shape) {
        BoxMap one = first.map();
        BoxMap other = second.map();
        boolean alike = first.source().equals(second.source())
                && Arrays.equals(one.axes(), other.axes())
                && one.to().isInside(shape) == other.to().isInside(shape);
        int axis = alike ? findContinued(one.to(), other.to()) : -1;
        if (axis < 0 || one.axes()[axis] < 0 || findContinued(one.from(), other.from()) != one.axes()[axis]) {
            return null;
        }
        return new View.Piece(
                first.source(),
                new BoxMap(
                        longer(one.from(), one.axes()[axis], other.from()),
                        longer(one.to(), axis, other.to()),
                        one.axes()));
    }

    /** The axis on which {@code next} begins where {@code box} ends, all others being the same; else -1. */
    private static int findContinued(Box box, Box next) {
        int continued = -1;
        for (int axis = 0; axis < box.order(); axis++) {
            boolean same = box.offsets()[axis] == next.offsets()[axis] && box.extents()[axis] == next.extents()[axis];
            if (!same) {
                if (continued >= 0 || box.end(axis) != next.offsets()[axis]) {
                    return -1;
                }
                continued = axis;
            }
        }
        return continued;
    }

    private static Box longer(Box box, int axis, Box next) {
        long[] extents = box.extents().clone();
        extents[axis] += next.extents()[axis];
        return new Box(box.offsets(), extents);
    }
}
