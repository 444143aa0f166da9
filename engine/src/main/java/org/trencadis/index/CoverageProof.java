package org.trencadis.index;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.format.CopyRecord;
import org.trencadis.format.Section;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/**
 * Proves a catalog's coverage and records the proof: copy 0 of every tensor and each copy of a blend cover each element
 * exactly once; no other copy covers one twice; a margin lies beyond the shape and covers the box around it exactly once.
 */
final class CoverageProof {
    private static final int MAX_FILES_NAMED = 4;

    private CoverageProof() {}

    /**
     * Proves every tensor of a catalog that was built in this process and sets the flags of its copies.
     *
     * @throws CatalogException for the first tensor that fails
     */
    static void prove(Catalog catalog) throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
                Copy copy = catalog.copy(tensor, number);
                String fault = findFault(catalog, tensor, copy, number);
                String refused = fault == null ? null : findRefused(catalog, tensor, copy, number, fault);
                if (refused != null) {
                    throw new CatalogException(refused);
                }
                if (fault == null) {
                    setComplete(catalog, copy);
                }
            }
        }
    }

    /** What is wrong with a copy that has a {@code fault}: a replica after the first may be partial. Null for nothing. */
    static String findRefused(Catalog catalog, Tensor tensor, Copy copy, int number, String fault) throws IOException {
        boolean mayBePartial = number > 0 && !tensor.blend() && !copy.margin();
        return mayBePartial ? findOverlap(catalog, tensor, copy, number) : fault;
    }

    private static void setComplete(Catalog catalog, Copy copy) {
        long at = catalog.image().offset(Section.COPIES) + copy.ordinal() * CopyRecord.LAYOUT.sizeBytes();
        long flags = CopyRecord.FLAGS.get(catalog.image().segment(), at);
        CopyRecord.FLAGS.set(catalog.image().segment(), at, flags | CopyRecord.COMPLETE);
    }

    /** Why one copy or margin is no complete tiling, in words that name tensor, region and files, or null. */
    static String findFault(Catalog catalog, Tensor tensor, Copy copy, int number) throws IOException {
        if (copy.margin()) {
            Box box = catalog.marginBox(copy);
            String inside = findInside(catalog, tensor, copy, number);
            return inside != null ? inside : findFault(catalog, tensor, copy, number, box);
        }
        return findFault(catalog, tensor, copy, number, Box.whole(tensor.shape()));
    }

    /** What keeps {@code copy} from covering {@code box} exactly once, or null. */
    private static String findFault(Catalog catalog, Tensor tensor, Copy copy, int number, Box box) throws IOException {
        long[] origin = box.offsets();
        Coverage.Regions regions = sink -> catalog.forEachFragment(copy, fragment -> {
            if (!copy.margin()) {
                sink.accept(fragment.region());
                return;
            }
            for (Box part : boxes(fragment)) {
                sink.accept(Region.of(moved(part, origin, -1)));
            }
        });
        Coverage.Fault fault;
        try {
            fault = Coverage.findFault(box.extents(), regions);
        } catch (CatalogException e) {
            return "tensor " + tensor.key() + ", " + what(copy) + number + ": " + e.getMessage()
                    + files(catalog, copy, null);
        }
        if (fault == null) {
            return null;
        }
        if (fault.times() == 0) {
            Box hole = Coverage.hole(box.extents(), fault.point(), regions);
            Box where = moved(hole, origin, 1);
            return "hole in " + place(tensor, copy, number) + ": no fragment covers " + where
                    + files(catalog, copy, null);
        }
        Box where = moved(point(fault.point()), origin, 1);
        return "overlap in " + place(tensor, copy, number) + ": " + fault.times() + " fragments cover " + where
                + files(catalog, copy, where);
    }

    /** What two fragments of a partial copy both cover or reach beyond the tensor, or null. */
    private static String findOverlap(Catalog catalog, Tensor tensor, Copy copy, int number) throws IOException {
        boolean[] outside = new boolean[1];
        catalog.forEachFragment(
                copy, fragment -> outside[0] |= !fragment.region().box().isInside(tensor.shape()));
        if (outside[0]) {
            return findFault(catalog, tensor, copy, number);
        }
        Box both = Overlap.find(
                copy.order(), sink -> catalog.forEachFragment(copy, fragment -> sink.accept(fragment.region())));
        return both == null
                ? null
                : "overlap in " + place(tensor, copy, number) + ": 2 fragments cover " + both
                        + files(catalog, copy, both);
    }

    /** A fragment of a margin that is not beyond the shape, in words, or null. */
    private static String findInside(Catalog catalog, Tensor tensor, Copy copy, int number) throws IOException {
        Box[] inside = new Box[1];
        catalog.forEachFragment(copy, fragment -> {
            for (Box box : boxes(fragment)) {
                inside[0] = inside[0] == null && !isBeyond(box, tensor.shape()) ? box : inside[0];
            }
        });
        return inside[0] == null
                ? null
                : place(tensor, copy, number) + ": " + inside[0] + " is not beyond the shape"
                        + files(catalog, copy, null);
    }

    static boolean isBeyond(Box box, long[] shape) {
        for (int axis = 0; axis < shape.length; axis++) {
            if (box.offsets()[axis] >= shape[axis]) {
                return true;
            }
        }
        return false;
    }

    private static List<Box> boxes(Fragment fragment) {
        List<Box> boxes = new ArrayList<>(3);
        fragment.region().forEachBox(boxes::add);
        return boxes;
    }

    private static Box moved(Box box, long[] by, int sign) {
        long[] offsets = box.offsets().clone();
        for (int axis = 0; axis < offsets.length; axis++) {
            offsets[axis] += sign * by[axis];
        }
        return new Box(offsets, box.extents());
    }

    private static String what(Copy copy) {
        return copy.margin() ? "margin " : "copy ";
    }

    private static String place(Tensor tensor, Copy copy, int number) {
        int shown = copy.margin() ? number - tensor.copyCount() : number;
        return "tensor " + tensor.key() + " of shape " + Shapes.print(tensor.shape()) + ", " + what(copy) + shown;
    }

    private static Box point(long[] point) {
        long[] ones = new long[point.length];
        Arrays.fill(ones, 1);
        return new Box(point, ones);
    }

    /** The files of the fragments that meet {@code box}, or of the first fragments where it is null. */
    private static String files(Catalog catalog, Copy copy, Box box) throws IOException {
        List<String> names = new ArrayList<>();
        catalog.forEachFragment(copy, fragment -> {
            if (names.size() >= MAX_FILES_NAMED || box != null && !meets(fragment, box)) {
                return;
            }
            for (int number = 0; number < fragment.extentCount(); number++) {
                String name =
                        catalog.file(catalog.extent(fragment, number).file()).path();
                if (!names.contains(name)) {
                    names.add(name);
                }
            }
        });
        return names.isEmpty() ? " (no fragments)" : " (files: " + String.join(", ", names) + ")";
    }

    private static boolean meets(Fragment fragment, Box box) {
        boolean[] met = new boolean[1];
        fragment.region().forEachBox(part -> met[0] |= part.findIntersection(box) != null);
        return met[0];
    }
}
