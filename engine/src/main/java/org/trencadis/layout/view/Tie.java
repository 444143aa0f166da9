package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.BoxMap;

/**
 * A tensor of one framework that is one or several of another: read one way it cuts the whole into its parts, the other
 * way it joins them.
 *
 * @param wholes spellings of the whole's name; the first is the one that is written
 */
record Tie(List<NameTemplate> wholes, Arrangement arrangement, List<NameTemplate> parts) {
    /** Each whole becomes its parts. */
    boolean split(ViewSet tensors) throws LayoutException {
        boolean changed = false;
        for (String name : tensors.names()) {
            Map<String, String> places = find(name);
            if (places != null) {
                split(tensors, tensors.take(name), places);
                changed = true;
            }
        }
        return changed;
    }

    /** Whether {@code name} is a spelling of a whole's name. */
    boolean isWhole(String name) {
        return find(name) != null;
    }

    private Map<String, String> find(String name) {
        for (NameTemplate whole : wholes) {
            Map<String, String> places = whole.find(name);
            if (places != null) {
                return places;
            }
        }
        return null;
    }

    private void split(ViewSet tensors, View whole, Map<String, String> places) throws LayoutException {
        List<Arrangement.Part> shapes = arrangement.parts(whole.shape(), whole.name());
        checkCount(shapes);
        for (int i = 0; i < shapes.size(); i++) {
            String name = parts.get(i).fill(places);
            Arrangement.Part part = shapes.get(i);
            boolean same = part.maps().equals(List.of(BoxMap.identity(whole.shape())));
            List<View.Piece> pieces = same ? whole.pieces() : ViewSet.through(whole, part.maps());
            tensors.put(new View(name, part.shape(), pieces), "the rule for " + wholes.getFirst());
        }
    }

    private void checkCount(List<Arrangement.Part> shapes) throws LayoutException {
        if (shapes.size() != parts.size()) {
            throw new LayoutException("names: " + wholes.getFirst() + " is cut into " + shapes.size() + " parts, but "
                    + parts.size() + " names are given");
        }
    }

    /** The parts of each whole become the whole. */
    boolean join(ViewSet tensors) throws LayoutException {
        Set<String> there = Set.copyOf(tensors.liveNames());
        boolean changed = false;
        for (String name : tensors.names()) {
            Map<String, String> places = parts.getFirst().find(name);
            if (places != null) {
                join(tensors, there, places);
                changed = true;
            }
        }
        return changed;
    }

    /** The same whose parts stand end to end, each with the extent that it has. */
    Tie endToEnd() {
        return new Tie(wholes, arrangement.endToEnd(), parts);
    }

    private void join(ViewSet tensors, Set<String> there, Map<String, String> places) throws LayoutException {
        String whole = wholes.getFirst().fill(places);
        List<View> taken = new ArrayList<>();
        for (NameTemplate part : parts) {
            String name = part.fill(places);
            if (!there.contains(name)) {
                throw new LayoutException("names: " + whole + " is made of " + String.join(", ", names(places))
                        + ", but there is no " + name);
            }
            taken.add(tensors.take(name));
        }
        List<long[]> partShapes = taken.stream().map(View::shape).toList();
        Arrangement division = arrangement.of(partShapes);
        long[] shape = division.wholeShape(partShapes, whole);
        List<Arrangement.Part> shapes = division.parts(shape, whole);
        checkCount(shapes);
        List<View.Piece> pieces = new ArrayList<>();
        for (int i = 0; i < shapes.size(); i++) {
            List<BoxMap> maps = shapes.get(i).maps();
            boolean same = maps.equals(List.of(BoxMap.identity(shape)));
            pieces.addAll(
                    same
                            ? taken.get(i).pieces()
                            : ViewSet.through(
                                    taken.get(i),
                                    maps.stream().map(BoxMap::inverse).toList()));
        }
        tensors.put(new View(whole, shape, pieces), "the rule for " + wholes.getFirst());
    }

    private List<String> names(Map<String, String> places) throws LayoutException {
        List<String> names = new ArrayList<>();
        for (NameTemplate part : parts) {
            names.add(part.fill(new HashMap<>(places)));
        }
        return names;
    }

    /** Spellings of the whole become the one that is written. */
    boolean spell(ViewSet tensors) throws LayoutException {
        boolean changed = false;
        for (String name : tensors.names()) {
            Map<String, String> places = find(name);
            String written = places == null ? name : wholes.getFirst().fill(places);
            if (!written.equals(name)) {
                View view = tensors.take(name);
                tensors.put(new View(written, view.shape(), view.pieces()), "the rule for " + wholes.getFirst());
                changed = true;
            }
        }
        return changed;
    }
}
