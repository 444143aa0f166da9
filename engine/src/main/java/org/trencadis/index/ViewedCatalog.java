package org.trencadis.index;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;
import org.trencadis.tensor.Shapes;

/**
 * A catalog of views: the tensors of another catalog under other names, in other cuts, over the same bytes.
 *
 * <p>The views of each state are built from the tensors of that state. What names tensors follows: aliases, optimizer
 * groups, lists of buffers and frozen parameters. The coverage of the result is proved as that of any catalog. It is not
 * stored where its bytes lie in shards: an import of it stores canonical bytes.
 */
public final class ViewedCatalog {
    /** Code of the finding that patterns of names were not taken over. */
    public static final String PARALLELISM_LEFT_OUT = "names.parallelism";

    private final Catalog source;
    private final Naming naming;
    private final CatalogBuilder builder;
    private final ViewedFragments fragments;
    private final ViewedNames names;

    /** Says which views the tensors of a state make up. */
    @FunctionalInterface
    public interface Naming {
        /**
         * Every tensor of {@code shapes} has its part in a view, or is gone on purpose.
         *
         * @param shapes logical extents by name, sorted; an alias has those of its target
         */
        List<View> views(String state, Map<String, long[]> shapes) throws IOException;
    }

    private ViewedCatalog(Catalog source, Naming naming, CatalogBuilder builder) throws IOException {
        this.source = source;
        this.naming = naming;
        this.builder = builder;
        this.fragments = new ViewedFragments(source, builder);
        this.names = new ViewedNames(source);
    }

    /**
     * The views of {@code source}, which stays open and the caller's. Files keep their ordinals.
     *
     * @param said what the naming is, as a person wrote it: a fact of the new catalog
     */
    public static Catalog build(Catalog source, Naming naming, String said, String resource) throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            ViewedCatalog viewed = new ViewedCatalog(source, naming, builder);
            for (int file = 0; file < source.fileCount(); file++) {
                builder.addFile(source.file(file));
            }
            for (String state : source.states()) {
                viewed.addState(state);
            }
            viewed.names.addTo(builder, said);
            return builder.build(resource);
        }
    }

    private void addState(String state) throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (int ordinal = 0; ordinal < source.tensorCount(); ordinal++) {
            Tensor tensor = source.tensor(ordinal);
            if (tensor.state().equals(state)) {
                tensors.put(tensor.name(), tensor);
                shapes.put(tensor.name(), tensor.shape());
            }
        }
        names.addAliases(tensors.keySet(), shapes);
        for (View view : names.withoutAliases(naming.views(state, shapes))) {
            addView(state, view, tensors);
        }
    }

    private void addView(String state, View view, Map<String, Tensor> tensors) throws IOException {
        List<Tensor> parts = new ArrayList<>();
        for (View.Piece piece : view.pieces()) {
            parts.add(tensors.get(piece.source()));
        }
        checkAlike(view, state, parts);
        names.use(view);
        Tensor first = parts.getFirst();
        int number = builder.addTensor(view.name(), state, first.dtype(), view.shape());
        boolean renamed = view.isRenamed(first);
        if (first.blend()) {
            builder.setBlend(number);
        }
        if (parts.stream().allMatch(Tensor::derived)) {
            builder.setDerived(number);
        }
        if (renamed && first.root() != null) {
            builder.setRoot(number, first.root());
        }
        int copies = parts.stream().mapToInt(Tensor::copyCount).max().orElse(0);
        Map<Integer, Integer> margins = new HashMap<>();
        for (int copy = 0; copy < copies; copy++) {
            addCopy(view, parts, copy, number, margins);
        }
        for (Tensor part : parts.stream().distinct().toList()) {
            addMargins(view, part, number);
        }
    }

    private static void checkAlike(View view, String state, List<Tensor> parts) throws CatalogException {
        if (parts.isEmpty() || parts.contains(null)) {
            throw new CatalogException("tensor " + view.name() + ":" + state
                    + " would be made of nothing: tensors without elements can only be renamed");
        }
        Tensor first = parts.getFirst();
        for (Tensor part : parts) {
            if (part.dtype() != first.dtype()) {
                throw cannotJoin(
                        view,
                        first,
                        part,
                        first.dtype().torchName(),
                        part.dtype().torchName());
            }
            if (part.blend() != first.blend() || part.blend() && part.copyCount() != first.copyCount()) {
                throw cannotJoin(view, first, part, copies(first), copies(part));
            }
        }
    }

    private static String copies(Tensor tensor) {
        return tensor.blend() ? "the mean of " + tensor.copyCount() + " copies" : "no mean of copies";
    }

    private static CatalogException cannotJoin(View view, Tensor first, Tensor other, String one, String another) {
        return new CatalogException("tensor " + view.name() + " cannot be made of " + first.key() + " and "
                + other.key() + ": one is " + one + ", the other " + another);
    }

    private void addCopy(View view, List<Tensor> parts, int copy, int number, Map<Integer, Integer> margins)
            throws IOException {
        boolean single = parts.stream().distinct().count() == 1;
        int added = -1;
        for (int i = 0; i < parts.size(); i++) {
            Tensor part = parts.get(i);
            BoxMap map = view.pieces().get(i).map();
            if (copy >= part.copyCount()) {
                continue;
            }
            Copy record = source.copy(part, copy);
            int target;
            if (map.to().isInside(view.shape())) {
                added = added >= 0
                        ? added
                        : builder.addCopy(number, single ? names.holders(builder, record.holders()) : -1);
                target = added;
            } else {
                target = margins.computeIfAbsent(copy, missing -> builder.addMargin(number, -1));
            }
            addFragments(view, part, record, target, map, !single);
        }
    }

    private void addFragments(View view, Tensor part, Copy record, int target, BoxMap map, boolean holdersToo)
            throws IOException {
        boolean renamed = view.isRenamed(part);
        source.forEachFragment(record, fragment -> {
            int held = fragment.holders() < 0 && holdersToo ? record.holders() : fragment.holders();
            int holders = names.holders(builder, held);
            if (renamed) {
                fragments.copy(fragment, target, holders);
            } else {
                fragments.add(
                        fragment,
                        new ViewedFragments.Target(target, part.dtype(), map, holders, "tensor " + part.key()));
            }
        });
    }

    /** Rows beyond a tensor's shape stay beyond the view's, where its last rows are the view's last. */
    private void addMargins(View view, Tensor part, int number) throws IOException {
        for (int margin = 0; margin < part.marginCount(); margin++) {
            Copy record = source.copy(part, part.copyCount() + margin);
            int target = builder.addMargin(number, names.holders(builder, record.holders()));
            for (View.Piece piece : view.pieces()) {
                if (piece.source().equals(part.name())) {
                    addMargin(view, part, record, target, piece.map());
                }
            }
        }
    }

    private void addMargin(View view, Tensor part, Copy record, int target, BoxMap map) throws IOException {
        Box box = source.marginBox(record);
        long[] fromExtents = map.from().extents().clone();
        long[] toExtents = map.to().extents().clone();
        for (int axis = 0; axis < box.order(); axis++) {
            if (box.end(axis) > part.shape()[axis]) {
                int moved = target(map, axis);
                if (moved < 0
                        || map.from().end(axis) != part.shape()[axis]
                        || map.to().end(moved) != view.shape()[moved]) {
                    throw new CatalogException("tensor " + part.key() + " of shape " + Shapes.print(part.shape())
                            + " has rows beyond its shape, " + box + ", which cannot follow it into tensor "
                            + view.name() + ": they must stay beyond its end");
                }
                fromExtents[axis] = box.end(axis) - map.from().offsets()[axis];
                toExtents[moved] = fromExtents[axis];
            }
        }
        BoxMap wider = new BoxMap(
                new Box(map.from().offsets(), fromExtents), new Box(map.to().offsets(), toExtents), map.axes());
        addFragments(view, part, record, target, wider, false);
    }

    /** The axis of the target that a source's axis is, or -1. */
    private static int target(BoxMap map, int axis) {
        for (int moved = 0; moved < map.axes().length; moved++) {
            if (map.axes()[moved] == axis) {
                return moved;
            }
        }
        return -1;
    }
}
