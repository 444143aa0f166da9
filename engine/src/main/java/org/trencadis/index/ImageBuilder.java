package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.CoordinateRecord;
import org.trencadis.format.CopyRecord;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.Section;
import org.trencadis.format.TensorRecord;
import org.trencadis.format.Value;
import org.trencadis.index.CatalogBuilder.CopyDraft;
import org.trencadis.index.CatalogBuilder.TensorDraft;
import org.trencadis.index.SmallSections.Range;
import org.trencadis.tensor.Shapes;

/**
 * Lays the drafts of a {@link CatalogBuilder} out as an index image: sorts the tensors, sizes every section, then writes
 * each record at its place.
 */
final class ImageBuilder {
    private final CatalogBuilder drafts;
    private final List<TensorDraft> tensors;
    private final List<Range> names = new ArrayList<>();
    private final Map<String, Integer> states = new HashMap<>();
    private final SmallSections small = new SmallSections();
    private long boxStart;
    private long coordinateCount;

    ImageBuilder(CatalogBuilder drafts) {
        this.drafts = drafts;
        this.tensors = new ArrayList<>(drafts.tensors);
        tensors.sort(Comparator.<TensorDraft, byte[]>comparing(tensor -> tensor.name, Arrays::compareUnsigned)
                .thenComparing(tensor -> utf8(tensor.state), Arrays::compareUnsigned));
    }

    Catalog build(String resource) throws IOException {
        collectNames();
        collectStates();
        collectRest();
        BuiltSegment built = layOut();
        try {
            return Catalog.over(fill(IndexImage.built(resource, built.segment(), built::close, place(null))));
        } catch (IOException | RuntimeException e) {
            built.close();
            throw e;
        }
    }

    private IndexImage fill(IndexImage image) throws IOException {
        place(image);
        for (Section section : Section.values()) {
            if (!isLarge(section)) {
                byte[] bytes = small.bytes(section);
                MemorySegment.copy(
                        bytes, 0, image.segment(), ValueLayout.JAVA_BYTE, image.offset(section), bytes.length);
            }
        }
        writeTensors(image);
        new FragmentPlacer(drafts, image, orderedCopies(), boxStart).place();
        return image;
    }

    private void collectNames() {
        byte[] previous = null;
        for (TensorDraft tensor : tensors) {
            boolean again = previous != null && Arrays.equals(previous, tensor.name);
            names.add(again ? names.getLast() : small.string(tensor.name));
            previous = tensor.name;
        }
    }

    private void collectStates() {
        List<String> sorted = new ArrayList<>(
                tensors.stream().map(tensor -> tensor.state).distinct().toList());
        sorted.sort(Comparator.comparing(ImageBuilder::utf8, Arrays::compareUnsigned));
        for (String state : sorted) {
            states.put(state, states.size());
            small.addState(state);
        }
    }

    private void collectRest() {
        for (TensorDraft tensor : tensors) {
            boxStart += tensor.shape.length;
        }
        coordinateCount = boxStart;
        for (CopyDraft copy : drafts.copies) {
            coordinateCount += 2 * copy.fragmentCount * copy.tensor.shape.length;
        }
        for (Encoding encoding : drafts.encodings) {
            small.addEncoding(encoding, encoding.strides() == null ? 0 : coordinateCount);
            coordinateCount += encoding.strides() == null ? 0 : encoding.strides().length;
        }
        drafts.files.forEach(small::addFile);
        drafts.holderSets.forEach(small::addHolders);
        drafts.groups.forEach(small::addGroup);
        List<Alias> aliases = new ArrayList<>(drafts.aliases);
        aliases.sort(Comparator.comparing(alias -> utf8(alias.name()), Arrays::compareUnsigned));
        aliases.forEach(small::addAlias);
        drafts.attachments.forEach(small::addAttachment);
        drafts.findings.forEach(small::addFinding);
        for (Value.Entry fact : drafts.facts) {
            small.addFact(((Value.Text) fact.key()).value(), fact.value());
        }
    }

    private static boolean isLarge(Section section) {
        return switch (section) {
            case TENSORS, COPIES, FRAGMENTS, COORDINATES, EXTENTS -> true;
            default -> false;
        };
    }

    private long entryCount(Section section) {
        return switch (section) {
            case TENSORS -> tensors.size();
            case COPIES -> drafts.copies.size();
            case FRAGMENTS -> drafts.log.fragmentCount();
            case COORDINATES -> coordinateCount;
            case EXTENTS -> drafts.log.extentCount();
            default -> small.size(section) / section.entryBytes();
        };
    }

    /** Places every section, in {@code image} where it is given; returns the length of the body. */
    private long place(IndexImage image) {
        long end = 0;
        for (Section section : Section.values()) {
            long start = ImageLengths.aligned(end);
            long count = entryCount(section);
            if (image != null) {
                image.place(section, start, count);
            }
            end = start + count * section.entryBytes();
        }
        return ImageLengths.aligned(end);
    }

    private BuiltSegment layOut() throws IOException {
        return BuiltSegment.allocate(ImageLengths.fileBytes(place(null)));
    }

    private List<CopyDraft> orderedCopies() {
        List<CopyDraft> ordered = new ArrayList<>(drafts.copies.size());
        for (TensorDraft tensor : tensors) {
            ordered.addAll(tensor.copies);
            ordered.addAll(tensor.margins);
        }
        return ordered;
    }

    private void writeTensors(IndexImage image) {
        MemorySegment segment = image.segment();
        long shapeStart = 0;
        long copyStart = 0;
        long fragmentStart = 0;
        long coordinateStart = boxStart;
        for (int ordinal = 0; ordinal < tensors.size(); ordinal++) {
            TensorDraft tensor = tensors.get(ordinal);
            long at = image.offset(Section.TENSORS) + (long) ordinal * TensorRecord.LAYOUT.sizeBytes();
            writeTensor(segment, at, tensor, names.get(ordinal), shapeStart, copyStart);
            for (long extent : tensor.shape) {
                CoordinateRecord.VALUE.set(segment, image.offset(Section.COORDINATES) + 8 * shapeStart++, extent);
            }
            List<CopyDraft> both = new ArrayList<>(tensor.copies);
            both.addAll(tensor.margins);
            for (CopyDraft copy : both) {
                at = image.offset(Section.COPIES) + copyStart++ * CopyRecord.LAYOUT.sizeBytes();
                writeCopy(segment, at, copy, fragmentStart, coordinateStart);
                fragmentStart += copy.fragmentCount;
                coordinateStart += 2 * copy.fragmentCount * tensor.shape.length;
            }
        }
        writeStrides(image, coordinateStart);
    }

    private void writeTensor(
            MemorySegment segment, long at, TensorDraft tensor, Range name, long shapeStart, long copyStart) {
        TensorRecord.NAME_START.set(segment, at, name.start());
        TensorRecord.NAME_BYTES.set(segment, at, name.bytes());
        TensorRecord.STATE.set(segment, at, states.get(tensor.state));
        TensorRecord.DTYPE.set(segment, at, tensor.dtype.code());
        TensorRecord.ORDER.set(segment, at, tensor.shape.length);
        int flags = (tensor.derived ? TensorRecord.DERIVED : 0)
                | (tensor.blend ? TensorRecord.BLEND : 0)
                | (tensor.root != null ? TensorRecord.HAS_ROOT : 0);
        TensorRecord.FLAGS.set(segment, at, flags);
        TensorRecord.COPY_COUNT.set(segment, at, tensor.copies.size());
        TensorRecord.SHAPE_START.set(segment, at, shapeStart);
        TensorRecord.ELEMENT_COUNT.set(segment, at, Shapes.elements(tensor.shape));
        TensorRecord.COPY_START.set(segment, at, copyStart);
        TensorRecord.MARGIN_COUNT.set(segment, at, tensor.margins.size());
        if (tensor.root != null) {
            TensorRecord.ROOT.set(segment, at, tensor.root);
        }
    }

    private static void writeCopy(
            MemorySegment segment, long at, CopyDraft copy, long fragmentStart, long coordinateStart) {
        CopyRecord.FRAGMENT_START.set(segment, at, fragmentStart);
        CopyRecord.FRAGMENT_COUNT.set(segment, at, copy.fragmentCount);
        CopyRecord.COORDINATE_START.set(segment, at, coordinateStart);
        int flags = (copy.margin ? CopyRecord.MARGIN : 0) | (copy.root != null ? CopyRecord.HAS_ROOT : 0);
        CopyRecord.FLAGS.set(segment, at, flags);
        CopyRecord.HOLDERS.set(segment, at, copy.holders < 0 ? FieldHandle.U32.NONE : copy.holders);
        if (copy.root != null) {
            CopyRecord.ROOT.set(segment, at, copy.root);
        }
    }

    private void writeStrides(IndexImage image, long strideStart) {
        for (Encoding encoding : drafts.encodings) {
            if (encoding.strides() != null) {
                for (long stride : encoding.strides()) {
                    long at = image.offset(Section.COORDINATES) + 8 * strideStart++;
                    CoordinateRecord.VALUE.set(image.segment(), at, stride);
                }
            }
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
