package org.trencadis.index;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.CopyRecord;
import org.trencadis.format.Section;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;

/**
 * Proves a catalog's coverage and records the proof: copy 0 of every tensor and each copy of a blend cover each element
 * exactly once; no other copy covers one twice; a margin lies beyond the shape.
 */
final class CoverageProof {
    private CoverageProof() {}

    /**
     * Proves every tensor of a catalog that was built in this process and sets the flags of its copies.
     *
     * @throws CatalogException for the first tensor that fails
     */
    static void prove(Catalog catalog) throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            for (int number = 0; number < tensor.copyCount(); number++) {
                Copy copy = catalog.copy(tensor, number);
                String fault = findFault(catalog, tensor, copy, number);
                boolean mustBeComplete = number == 0 || tensor.blend();
                if (fault != null && (mustBeComplete || fault.startsWith("overlap"))) {
                    throw new CatalogException(fault);
                }
                if (fault == null) {
                    long at = catalog.image().offset(Section.COPIES) + copy.ordinal() * CopyRecord.LAYOUT.sizeBytes();
                    long flags = CopyRecord.FLAGS.get(catalog.image().segment(), at);
                    CopyRecord.FLAGS.set(catalog.image().segment(), at, flags | CopyRecord.COMPLETE);
                }
            }
        }
    }

    /** What is wrong with the coverage of one copy, in words that name tensor, region and files, or null. */
    static String findFault(Catalog catalog, Tensor tensor, Copy copy, int number) throws IOException {
        Coverage.Regions regions = sink -> catalog.forEachFragment(copy, fragment -> sink.accept(fragment.region()));
        Coverage.Fault fault;
        try {
            fault = Coverage.findFault(tensor.shape(), regions);
        } catch (CatalogException e) {
            return "overlap impossible to judge: tensor " + tensor.key() + ", copy " + number + ": " + e.getMessage()
                    + files(catalog, copy, null);
        }
        if (fault == null) {
            return null;
        }
        if (fault.times() == 0) {
            Box hole = Coverage.hole(tensor.shape(), fault.point(), regions);
            return "hole in tensor " + tensor.key() + " of shape " + Shapes.print(tensor.shape()) + ", copy " + number
                    + ": no fragment covers " + hole + files(catalog, copy, null);
        }
        return "overlap in tensor " + tensor.key() + " of shape " + Shapes.print(tensor.shape()) + ", copy " + number
                + ": " + fault.times() + " fragments cover " + pointBox(fault.point())
                + files(catalog, copy, pointBox(fault.point()));
    }

    private static Box pointBox(long[] point) {
        long[] ones = new long[point.length];
        java.util.Arrays.fill(ones, 1);
        return new Box(point, ones);
    }

    /** The files of the fragments that meet {@code box}, or of the first fragments where it is null. */
    private static String files(Catalog catalog, Copy copy, Box box) throws IOException {
        List<String> names = new ArrayList<>();
        catalog.forEachFragment(copy, fragment -> {
            if (names.size() >= 4 || box != null && !meets(fragment, box)) {
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
