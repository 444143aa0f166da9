package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import org.trencadis.format.CoordinateRecord;
import org.trencadis.format.CopyRecord;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;
import org.trencadis.format.TensorRecord;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;

/**
 * Everything that SPEC.md says of an index and that its bytes alone can show: each record's own rules, then how records
 * stand to each other. An index that passes is the only form of its catalog, so that no field can be changed to another
 * meaning of the same content.
 *
 * <p>Reads all of the index once, and the coverage of every copy.
 */
final class StructureCheck {
    private final Catalog catalog;
    private final IndexImage image;
    private final MemorySegment segment;

    /** What the section counts before the next record add up to. */
    private long nextShape;

    private long nextCopy;
    private long nextFragment;
    private long nextBox;
    private byte[] previousName = new byte[0];
    private long previousState;

    StructureCheck(Catalog catalog) {
        this.catalog = catalog;
        this.image = catalog.image();
        this.segment = image.segment();
    }

    /** @throws Corrupt naming the first field that breaks a rule */
    void run() throws IOException {
        image.checkPages();
        checkRecords();
        new StringCheck(catalog).run();
        checkTensors();
        checkStates();
        new SmallSectionCheck(catalog).run(nextBox);
        new FragmentCheck(catalog).run();
        checkCoverage();
    }

    private void checkRecords() throws Corrupt {
        for (Section section : Section.values()) {
            for (long ordinal = 0; section.layout() != null && ordinal < image.count(section); ordinal++) {
                long at = image.at(section, ordinal);
                section.layout().check(segment, at, catalog.parts().limits(), image.resource(), at);
            }
        }
    }

    private void checkTensors() throws Corrupt {
        for (long ordinal = 0; ordinal < image.count(Section.TENSORS); ordinal++) {
            nextShape += TensorRecord.ORDER.get(segment, image.at(Section.TENSORS, ordinal));
        }
        nextBox = nextShape;
        nextShape = 0;
        for (long ordinal = 0; ordinal < image.count(Section.TENSORS); ordinal++) {
            long at = image.at(Section.TENSORS, ordinal);
            checkName(ordinal, at);
            checkShape(at);
            checkTensorFlags(at);
            checkCopies(at);
        }
        checkEnd(Section.COPIES, nextCopy);
        checkEnd(Section.FRAGMENTS, nextFragment);
    }

    private void checkName(long ordinal, long at) throws Corrupt {
        byte[] name = catalog.parts()
                .bytes(
                        Section.STRINGS,
                        TensorRecord.NAME_START.get(segment, at),
                        TensorRecord.NAME_BYTES.get(segment, at));
        long state = TensorRecord.STATE.get(segment, at);
        int order = Arrays.compareUnsigned(previousName, name);
        if (ordinal > 0 && (order > 0 || order == 0 && previousState >= state)) {
            throw fault(
                    TensorRecord.LAYOUT,
                    TensorRecord.NAME_START.offsetBytes(),
                    at,
                    "tensors are sorted by name and state, each once",
                    "a later name or state",
                    catalog.parts().text(name));
        }
        previousName = name;
        previousState = state;
    }

    private void checkShape(long at) throws Corrupt {
        checkStart(TensorRecord.LAYOUT, TensorRecord.SHAPE_START, at, nextShape);
        int order = TensorRecord.ORDER.get(segment, at);
        long[] shape = catalog.parts().coordinates(nextShape, order);
        nextShape += order;
        Dtype dtype = Dtype.find(TensorRecord.DTYPE.get(segment, at));
        for (long extent : shape) {
            if (extent < 0) {
                throw coordinateFault(nextShape - order, "an extent is not negative", "0 or more", extent);
            }
        }
        long elements = TensorRecord.ELEMENT_COUNT.get(segment, at);
        try {
            long product = Shapes.elements(shape);
            dtype.bytes(product);
            if (product == elements) {
                return;
            }
        } catch (ArithmeticException e) {
            // Falls through: a product that does not fit is not the declared one either.
        }
        throw fault(
                TensorRecord.LAYOUT,
                TensorRecord.ELEMENT_COUNT.offsetBytes(),
                at,
                "the element count is the product of the shape, below 2^63 bytes",
                Shapes.print(shape),
                elements);
    }

    private void checkTensorFlags(long at) throws Corrupt {
        int flags = TensorRecord.FLAGS.get(segment, at);
        String state = catalog.parts().state((int) TensorRecord.STATE.get(segment, at));
        long copies = TensorRecord.COPY_COUNT.get(segment, at);
        Dtype dtype = Dtype.find(TensorRecord.DTYPE.get(segment, at));
        boolean blend = (flags & TensorRecord.BLEND) != 0;
        if ((flags & TensorRecord.DERIVED) != 0 && !state.equals("model")) {
            throw flagFault(at, "only tensors of the state model are derived", state);
        }
        if (blend && copies < 2) {
            throw flagFault(at, "a blend has copies to average", copies);
        }
        if (blend && !dtype.isFloat()) {
            throw flagFault(at, "only floats are averaged", dtype);
        }
        checkDigest(TensorRecord.LAYOUT, TensorRecord.ROOT, at, (flags & TensorRecord.HAS_ROOT) != 0);
    }

    private Corrupt flagFault(long at, String rule, Object actual) {
        return fault(TensorRecord.LAYOUT, TensorRecord.FLAGS.offsetBytes(), at, rule, "the flag not set", actual);
    }

    /** Every state belongs to a tensor, and what is derived has something to be derived from. */
    private void checkStates() throws IOException {
        BitSet used = new BitSet();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            long at = image.at(Section.TENSORS, ordinal);
            used.set((int) TensorRecord.STATE.get(segment, at));
            if (tensor.derived() && !hasMaster(tensor)) {
                throw flagFault(at, "a derived tensor has a float32 master of its shape", "none");
            }
        }
        checkEnd(Section.STATES, used.cardinality());
    }

    private boolean hasMaster(Tensor model) throws IOException {
        int master = catalog.findTensor(model.name(), "fp32");
        return master >= 0
                && catalog.tensor(master).dtype() == Dtype.FLOAT32
                && Arrays.equals(catalog.tensor(master).shape(), model.shape());
    }

    private void checkCopies(long at) throws Corrupt {
        checkStart(TensorRecord.LAYOUT, TensorRecord.COPY_START, at, nextCopy);
        int order = TensorRecord.ORDER.get(segment, at);
        int flags = TensorRecord.FLAGS.get(segment, at);
        long copies = TensorRecord.COPY_COUNT.get(segment, at);
        long all = copies + TensorRecord.MARGIN_COUNT.get(segment, at);
        int rooted = TensorRecord.BLEND | TensorRecord.HAS_ROOT;
        if (all > image.count(Section.COPIES) - nextCopy) {
            throw fault(
                    TensorRecord.LAYOUT,
                    TensorRecord.COPY_COUNT.offsetBytes(),
                    at,
                    "a tensor's copies and margins are in the copies section",
                    "at most " + (image.count(Section.COPIES) - nextCopy),
                    all);
        }
        for (long number = 0; number < all; number++) {
            long copy = image.at(Section.COPIES, nextCopy++);
            boolean margin = (CopyRecord.FLAGS.get(segment, copy) & CopyRecord.MARGIN) != 0;
            if (margin != number >= copies) {
                throw fault(
                        CopyRecord.LAYOUT,
                        CopyRecord.FLAGS.offsetBytes(),
                        copy,
                        "margins follow the copies of their tensor",
                        number >= copies,
                        margin);
            }
            boolean hasRoot = (CopyRecord.FLAGS.get(segment, copy) & CopyRecord.HAS_ROOT) != 0;
            boolean mustHaveRoot = !margin && (flags & rooted) == rooted;
            if (hasRoot != mustHaveRoot) {
                throw fault(
                        CopyRecord.LAYOUT,
                        CopyRecord.FLAGS.offsetBytes(),
                        copy,
                        "each copy of a blend with a root has a root, other copies have none",
                        mustHaveRoot,
                        hasRoot);
            }
            checkDigest(CopyRecord.LAYOUT, CopyRecord.ROOT, copy, hasRoot);
            checkStart(CopyRecord.LAYOUT, CopyRecord.FRAGMENT_START, copy, nextFragment);
            checkStart(CopyRecord.LAYOUT, CopyRecord.COORDINATE_START, copy, nextBox);
            nextFragment += CopyRecord.FRAGMENT_COUNT.get(segment, copy);
            nextBox += 2 * order * CopyRecord.FRAGMENT_COUNT.get(segment, copy);
            if (nextBox > image.count(Section.COORDINATES)) {
                throw fault(
                        CopyRecord.LAYOUT,
                        CopyRecord.FRAGMENT_COUNT.offsetBytes(),
                        copy,
                        "the boxes of a copy are in the coordinates section",
                        "at most " + image.count(Section.COORDINATES) + " coordinates",
                        nextBox);
            }
        }
    }

    private void checkCoverage() throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
                Copy copy = catalog.copy(tensor, number);
                long at = image.at(Section.COPIES, copy.ordinal());
                String fault = CoverageProof.findFault(catalog, tensor, copy, number);
                String refused = fault == null ? null : CoverageProof.findRefused(catalog, tensor, copy, number, fault);
                if (refused != null) {
                    throw fault(
                            CopyRecord.LAYOUT,
                            CopyRecord.FRAGMENT_START.offsetBytes(),
                            at,
                            "fragments cover what their copy must hold, each element once",
                            "a tiling",
                            refused);
                }
                if (copy.complete() != (fault == null)) {
                    throw fault(
                            CopyRecord.LAYOUT,
                            CopyRecord.FLAGS.offsetBytes(),
                            at,
                            "a copy is marked complete exactly where it is",
                            fault == null ? "complete" : "not complete: " + fault,
                            copy.complete());
                }
            }
        }
    }

    private void checkEnd(Section section, long used) throws Corrupt {
        if (used != image.count(section)) {
            throw new Corrupt(
                    "every entry of " + section + " belongs to one record",
                    used,
                    image.count(section),
                    new Place(image.resource(), section.name(), image.offset(section)));
        }
    }

    private void checkStart(RecordLayout layout, FieldHandle.U64 field, long at, long expected) throws Corrupt {
        catalog.parts().checkStart(layout, field, at, expected);
    }

    private void checkDigest(RecordLayout layout, FieldHandle.Bytes field, long at, boolean known) throws Corrupt {
        catalog.parts().checkDigest(layout, field, at, known);
    }

    private Corrupt coordinateFault(long ordinal, String rule, Object expected, Object actual) throws Corrupt {
        return fault(CoordinateRecord.LAYOUT, 0, image.at(Section.COORDINATES, ordinal), rule, expected, actual);
    }

    private Corrupt fault(RecordLayout layout, int fieldOffset, long at, String rule, Object expected, Object actual) {
        return layout.fault(fieldOffset, at, rule, expected, actual, image.resource());
    }
}
