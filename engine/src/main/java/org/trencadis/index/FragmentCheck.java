package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.ExtentRecord;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FragmentRecord;
import org.trencadis.format.Section;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** That fragments are regions in order, and that their extents hold exactly their elements, inside their files. */
final class FragmentCheck {
    private final Catalog catalog;
    private final IndexImage image;
    private final MemorySegment segment;
    private long nextExtent;

    FragmentCheck(Catalog catalog) {
        this.catalog = catalog;
        this.image = catalog.image();
        this.segment = image.segment();
    }

    void run() throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
                checkCopy(tensor, catalog.copy(tensor, number));
            }
        }
        if (nextExtent != image.count(Section.EXTENTS)) {
            throw new Corrupt(
                    "every entry of EXTENTS belongs to one record",
                    nextExtent,
                    image.count(Section.EXTENTS),
                    new Place(image.resource(), "EXTENTS", image.offset(Section.EXTENTS)));
        }
    }

    private void checkCopy(Tensor tensor, Copy copy) throws IOException {
        long[] strides = Shapes.rowMajorStrides(tensor.shape());
        long previous = Long.MIN_VALUE;
        for (long number = 0; number < copy.fragmentCount(); number++) {
            long at = image.at(Section.FRAGMENTS, copy.fragmentStart() + number);
            Fragment fragment = catalog.fragment(copy, number);
            Region region = fragment.region();
            if (region.count() == 0) {
                throw fault(FragmentRecord.COUNT.offsetBytes(), at, "a fragment has elements", "1 or more", 0);
            }
            checkPlace(tensor, copy, region, at);
            long position = position(region.first(), strides);
            if (position < previous || position == previous && !copy.margin()) {
                throw fault(
                        FragmentRecord.START.offsetBytes(),
                        at,
                        "fragments are ordered by their first element",
                        "after " + previous,
                        position);
            }
            previous = position;
            checkExtents(tensor, fragment, at);
        }
    }

    private static long position(long[] point, long[] strides) {
        long position = 0;
        for (int axis = 0; axis < point.length; axis++) {
            position += point[axis] * strides[axis];
        }
        return position;
    }

    private void checkPlace(Tensor tensor, Copy copy, Region region, long at) throws IOException {
        boolean fits =
                copy.margin() ? isBeyond(region, tensor.shape()) : region.box().isInside(tensor.shape());
        if (!fits) {
            throw fault(
                    FragmentRecord.START.offsetBytes(),
                    at,
                    copy.margin() ? "a margin lies beyond its tensor" : "a fragment lies in its tensor",
                    Shapes.print(tensor.shape()),
                    region);
        }
    }

    private static boolean isBeyond(Region region, long[] shape) {
        boolean[] beyond = {true};
        region.forEachBox(box -> beyond[0] &= CoverageProof.isBeyond(box, shape));
        return beyond[0];
    }

    private void checkExtents(Tensor tensor, Fragment fragment, long at) throws IOException {
        if (fragment.extentStart() != nextExtent) {
            throw fault(
                    FragmentRecord.EXTENT_START.offsetBytes(),
                    at,
                    "a record starts where the one before it ends",
                    nextExtent,
                    fragment.extentStart());
        }
        nextExtent += fragment.extentCount();
        long wanted = tensor.dtype().bytes(fragment.region().count());
        long[] strides = checkEncoding(tensor, fragment, at);
        if (fragment.encoding() >= 0 && catalog.encoding(fragment.encoding()).zstd()) {
            checkStream(fragment, wanted, at);
            return;
        }
        long held = 0;
        for (int number = 0; number < fragment.extentCount(); number++) {
            long record = image.at(Section.EXTENTS, fragment.extentStart() + number);
            long length = ExtentRecord.LENGTH_BYTES.get(segment, record);
            if (length <= 0 || length > wanted - held) {
                throw extentFault(
                        ExtentRecord.LENGTH_BYTES.offsetBytes(),
                        record,
                        "extents hold the bytes of their fragment",
                        "1 to " + (wanted - held),
                        length);
            }
            held += length;
            FileEntry file = catalog.file((int) ExtentRecord.FILE.get(segment, record));
            if (file.shard()) {
                checkChunks(fragment, record);
            } else {
                checkInside(tensor.dtype(), fragment.region(), strides, file, record);
            }
        }
        if (held != wanted) {
            throw fault(
                    FragmentRecord.EXTENT_COUNT.offsetBytes(),
                    at,
                    "extents hold the bytes of their fragment",
                    wanted,
                    held);
        }
    }

    /** How long a stream is when decoded only its bytes say, so its extent is checked against the file alone. */
    private void checkStream(Fragment fragment, long wanted, long at) throws IOException {
        if (fragment.extentCount() != 1) {
            throw fault(
                    FragmentRecord.EXTENT_COUNT.offsetBytes(), at, "a stream is one extent", 1, fragment.extentCount());
        }
        long record = image.at(Section.EXTENTS, fragment.extentStart());
        FileEntry file = catalog.file((int) ExtentRecord.FILE.get(segment, record));
        long offset = ExtentRecord.OFFSET.get(segment, record);
        long length = ExtentRecord.LENGTH_BYTES.get(segment, record);
        boolean inFile = offset >= 0 && length > 0 && length <= file.sizeBytes() - offset;
        if (file.shard() || !inFile) {
            throw extentFault(
                    ExtentRecord.OFFSET.offsetBytes(),
                    record,
                    "a stream lies in its foreign file",
                    "within " + file.sizeBytes() + " bytes",
                    file.shard() ? "in a shard" : offset + " + " + length);
        }
        if (catalog.encoding(fragment.encoding()).streamOffset() > Long.MAX_VALUE - wanted) {
            throw fault(
                    FragmentRecord.ENCODING.offsetBytes(),
                    at,
                    "positions in a stream fit 63 bits",
                    "at most " + (Long.MAX_VALUE - wanted),
                    catalog.encoding(fragment.encoding()).streamOffset());
        }
    }

    /** The strides of a fragment, or null where it is row-major. */
    private long[] checkEncoding(Tensor tensor, Fragment fragment, long at) throws IOException {
        if (fragment.encoding() < 0) {
            return null;
        }
        Encoding encoding = catalog.encoding(fragment.encoding());
        boolean oneExtent = encoding.strides() == null || fragment.extentCount() == 1;
        boolean wholeBytes = encoding.strides() == null || tensor.dtype().bits() % 8 == 0;
        boolean sameOrder = encoding.strides() == null || encoding.strides().length == tensor.shape().length;
        if (!oneExtent || !wholeBytes || !sameOrder) {
            throw fault(
                    FragmentRecord.ENCODING.offsetBytes(),
                    at,
                    "strides are one an axis, of whole bytes, in one extent",
                    tensor.shape().length + " axes of " + tensor.dtype().torchName(),
                    encoding.strides().length + " strides, " + fragment.extentCount() + " extents");
        }
        return encoding.strides();
    }

    private void checkChunks(Fragment fragment, long record) throws IOException {
        long first = ExtentRecord.OFFSET.get(segment, record);
        if (fragment.encoding() >= 0 || first < 0 || first > Integer.MAX_VALUE) {
            throw extentFault(
                    ExtentRecord.OFFSET.offsetBytes(),
                    record,
                    "an extent of a shard is a run of chunks, of canonical bytes",
                    "a chunk ordinal",
                    fragment.encoding() >= 0 ? "an encoding" : first);
        }
    }

    private void checkInside(Dtype dtype, Region region, long[] strides, FileEntry file, long record)
            throws IOException {
        long offset = ExtentRecord.OFFSET.get(segment, record);
        long length = ExtentRecord.LENGTH_BYTES.get(segment, record);
        try {
            long low = offset;
            long high = Math.addExact(offset, length);
            if (strides != null) {
                long[] first = region.first();
                high = Math.addExact(offset, dtype.bytes());
                for (int axis = 0; axis < strides.length; axis++) {
                    long bytes = Math.multiplyExact(strides[axis], (long) dtype.bytes());
                    long before = region.box().offsets()[axis] - first[axis];
                    long after = region.box().end(axis) - 1 - first[axis];
                    long one = Math.multiplyExact(bytes, before);
                    long other = Math.multiplyExact(bytes, after);
                    low = Math.addExact(low, Math.min(one, other));
                    high = Math.addExact(high, Math.max(one, other));
                }
            }
            if (offset >= 0 && low >= 0 && high <= file.sizeBytes()) {
                return;
            }
        } catch (ArithmeticException e) {
            // Falls through: positions beyond 2^63 are not in the file.
        }
        throw extentFault(
                ExtentRecord.OFFSET.offsetBytes(),
                record,
                "an extent lies in its file",
                "within " + file.sizeBytes() + " bytes",
                offset + " + " + length);
    }

    private Corrupt fault(int field, long at, String rule, Object expected, Object actual) {
        return FragmentRecord.LAYOUT.fault(field, at, rule, expected, actual, image.resource());
    }

    private Corrupt extentFault(int field, long at, String rule, Object expected, Object actual) {
        return ExtentRecord.LAYOUT.fault(field, at, rule, expected, actual, image.resource());
    }
}
