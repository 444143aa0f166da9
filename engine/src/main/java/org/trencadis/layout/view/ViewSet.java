package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
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

    List<View> views() {
        return List.copyOf(views.values());
    }
}
