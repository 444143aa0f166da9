package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.format.CopyRecord;
import org.trencadis.format.EncodingRecord;
import org.trencadis.format.ExtentRecord;
import org.trencadis.format.FileRecord;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FragmentRecord;
import org.trencadis.format.HolderRecord;
import org.trencadis.format.NameRecord;
import org.trencadis.format.Section;
import org.trencadis.format.TensorRecord;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Decodes the records that tensors are made of: copies, fragments, extents, encodings, files and holders. */
final class TensorRecords {
    private final RecordParts parts;
    private final IndexImage image;
    private final MemorySegment segment;

    TensorRecords(RecordParts parts) {
        this.parts = parts;
        this.image = parts.image();
        this.segment = image.segment();
    }

    /** The number of tensors, all states counted. */
    int count() {
        return Math.toIntExact(image.count(Section.TENSORS));
    }

    /** The tensor at {@code ordinal} of the (name, state) order. */
    Tensor tensor(int ordinal) throws Corrupt {
        long at = image.at(Section.TENSORS, ordinal);
        parts.check(TensorRecord.LAYOUT, at);
        int order = TensorRecord.ORDER.get(segment, at);
        int flags = TensorRecord.FLAGS.get(segment, at);
        return new Tensor(
                ordinal,
                parts.string(TensorRecord.NAME_START.get(segment, at), TensorRecord.NAME_BYTES.get(segment, at)),
                parts.state((int) TensorRecord.STATE.get(segment, at)),
                Dtype.find(TensorRecord.DTYPE.get(segment, at)),
                parts.coordinates(TensorRecord.SHAPE_START.get(segment, at), order),
                TensorRecord.ELEMENT_COUNT.get(segment, at),
                TensorRecord.COPY_START.get(segment, at),
                (int) TensorRecord.COPY_COUNT.get(segment, at),
                (int) TensorRecord.MARGIN_COUNT.get(segment, at),
                (flags & TensorRecord.DERIVED) != 0,
                (flags & TensorRecord.BLEND) != 0,
                (flags & TensorRecord.HAS_ROOT) != 0 ? TensorRecord.ROOT.get(segment, at) : null);
    }

    /** The ordinal of the tensor {@code name} in {@code state}, or -1. */
    int findTensor(String name, String state) throws Corrupt {
        int at = lowerBound(name.getBytes(StandardCharsets.UTF_8), state.getBytes(StandardCharsets.UTF_8));
        if (at == count()) {
            return -1;
        }
        Tensor tensor = tensor(at);
        return tensor.name().equals(name) && tensor.state().equals(state) ? at : -1;
    }

    /** The tensors called {@code name}, in the order of their states; empty where there are none. */
    List<Tensor> findTensors(String name) throws Corrupt {
        List<Tensor> found = new ArrayList<>();
        int at = lowerBound(name.getBytes(StandardCharsets.UTF_8), new byte[0]);
        for (; at < count(); at++) {
            Tensor tensor = tensor(at);
            if (!tensor.name().equals(name)) {
                break;
            }
            found.add(tensor);
        }
        return found;
    }

    private int lowerBound(byte[] name, byte[] state) throws Corrupt {
        int low = 0;
        int high = count();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (compare(middle, name, state) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private int compare(int ordinal, byte[] name, byte[] state) throws Corrupt {
        long at = image.at(Section.TENSORS, ordinal);
        long start = TensorRecord.NAME_START.get(segment, at);
        int order = compare(start, TensorRecord.NAME_BYTES.get(segment, at), name);
        if (order != 0) {
            return order;
        }
        long record = image.at(Section.STATES, TensorRecord.STATE.get(segment, at));
        return compare(NameRecord.START.get(segment, record), NameRecord.BYTES.get(segment, record), state);
    }

    private int compare(long start, long bytes, byte[] key) throws Corrupt {
        long at = image.at(Section.STRINGS, start, bytes);
        MemorySegment other = MemorySegment.ofArray(key);
        long mismatch = MemorySegment.mismatch(segment, at, at + bytes, other, 0, key.length);
        if (mismatch < 0) {
            return 0;
        }
        if (mismatch == bytes || mismatch == key.length) {
            return Long.compare(bytes, key.length);
        }
        return Byte.compareUnsigned(segment.get(ValueLayout.JAVA_BYTE, at + mismatch), key[(int) mismatch]);
    }

    /** Copy {@code number} of {@code tensor}; from {@code copyCount} on, its margins. */
    Copy copy(Tensor tensor, int number) throws Corrupt {
        if (number < 0 || number >= tensor.copyCount() + tensor.marginCount()) {
            throw new IndexOutOfBoundsException("copy " + number + " of tensor " + tensor.key() + ", which has "
                    + tensor.copyCount() + " copies and " + tensor.marginCount() + " margins");
        }
        long ordinal = tensor.copyStart() + number;
        long at = image.at(Section.COPIES, ordinal);
        parts.check(CopyRecord.LAYOUT, at);
        int flags = (int) CopyRecord.FLAGS.get(segment, at);
        return new Copy(
                ordinal,
                tensor.shape().length,
                CopyRecord.FRAGMENT_START.get(segment, at),
                CopyRecord.FRAGMENT_COUNT.get(segment, at),
                CopyRecord.COORDINATE_START.get(segment, at),
                (flags & CopyRecord.COMPLETE) != 0,
                (flags & CopyRecord.MARGIN) != 0,
                CopyRecord.HOLDERS.getInt(segment, at),
                (flags & CopyRecord.HAS_ROOT) != 0 ? CopyRecord.ROOT.get(segment, at) : null);
    }

    /** Fragment {@code number} of {@code copy}, by the row-major position of its first element. */
    Fragment fragment(Copy copy, long number) throws Corrupt {
        if (number < 0 || number >= copy.fragmentCount()) {
            throw new IndexOutOfBoundsException("fragment " + number + " of " + copy.fragmentCount());
        }
        long at = image.at(Section.FRAGMENTS, copy.fragmentStart() + number);
        int order = copy.order();
        long[] numbers = parts.coordinates(copy.coordinateStart() + number * 2 * order, 2 * order);
        long start = FragmentRecord.START.get(segment, at);
        long count = FragmentRecord.COUNT.get(segment, at);
        try {
            Box box = new Box(Arrays.copyOf(numbers, order), Arrays.copyOfRange(numbers, order, 2 * order));
            return new Fragment(
                    new Region(box, start, count),
                    FragmentRecord.EXTENT_START.get(segment, at),
                    Math.toIntExact(FragmentRecord.EXTENT_COUNT.get(segment, at)),
                    FragmentRecord.ENCODING.getInt(segment, at),
                    FragmentRecord.HOLDERS.getInt(segment, at));
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw FragmentRecord.LAYOUT.fault(
                    FragmentRecord.START.offsetBytes(),
                    at,
                    "a fragment is a region",
                    "an interval of a box",
                    e.getMessage(),
                    image.resource());
        }
    }

    /** Extent {@code number} of {@code fragment}. */
    Extent extent(Fragment fragment, int number) throws Corrupt {
        long at = image.at(Section.EXTENTS, fragment.extentStart() + number);
        parts.check(ExtentRecord.LAYOUT, at);
        return new Extent(
                Math.toIntExact(ExtentRecord.FILE.get(segment, at)),
                ExtentRecord.OFFSET.get(segment, at),
                ExtentRecord.LENGTH_BYTES.get(segment, at));
    }

    /** The encoding at {@code ordinal}. */
    Encoding encoding(int ordinal) throws Corrupt {
        long at = image.at(Section.ENCODINGS, ordinal);
        parts.check(EncodingRecord.LAYOUT, at);
        int flags = EncodingRecord.FLAGS.get(segment, at);
        int order = EncodingRecord.ORDER.get(segment, at);
        return new Encoding(
                EncodingRecord.BYTE_ORDER.get(segment, at) == 2,
                (flags & EncodingRecord.CONJUGATE) != 0,
                (flags & EncodingRecord.NEGATE) != 0,
                order == 0 ? null : parts.coordinates(EncodingRecord.STRIDE_START.get(segment, at), order),
                EncodingRecord.TRANSFORM.get(segment, at) == EncodingRecord.ZSTD,
                EncodingRecord.STREAM_OFFSET.get(segment, at));
    }

    /** The file at {@code ordinal}. */
    FileEntry file(int ordinal) throws Corrupt {
        long at = image.at(Section.FILES, ordinal);
        parts.check(FileRecord.LAYOUT, at);
        boolean hasDigest = (FileRecord.FLAGS.get(segment, at) & FileRecord.HAS_DIGEST) != 0;
        return new FileEntry(
                FileRecord.KIND.get(segment, at) == FileRecord.SHARD,
                parts.string(FileRecord.PATH_START.get(segment, at), FileRecord.PATH_BYTES.get(segment, at)),
                FileRecord.SIZE_BYTES.get(segment, at),
                FileRecord.DEVICE.get(segment, at),
                FileRecord.INODE.get(segment, at),
                FileRecord.MTIME.get(segment, at),
                FileRecord.CTIME.get(segment, at),
                hasDigest ? FileRecord.DIGEST.get(segment, at) : null);
    }

    /** The ranks of holder set {@code ordinal}, ascending; empty for -1. */
    List<Long> holders(int ordinal) throws Corrupt {
        if (ordinal < 0) {
            return List.of();
        }
        long at = image.at(Section.HOLDERS, ordinal);
        return parts.ranks(
                parts.value(HolderRecord.VALUE_START.get(segment, at), HolderRecord.VALUE_BYTES.get(segment, at)), at);
    }
}
