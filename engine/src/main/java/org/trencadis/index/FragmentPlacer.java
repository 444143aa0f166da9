package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.trencadis.format.CoordinateRecord;
import org.trencadis.format.ExtentRecord;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FragmentRecord;
import org.trencadis.format.Section;
import org.trencadis.index.CatalogBuilder.CopyDraft;
import org.trencadis.tensor.Shapes;

/**
 * Moves fragments from the log to their copies' places in the image, then orders each copy by the row-major position of
 * the first element. Linear but for copies whose fragments came out of order.
 */
final class FragmentPlacer {
    private static final int RECORD_BYTES = FragmentRecord.LAYOUT.sizeBytes();

    private final CatalogBuilder drafts;
    private final MemorySegment segment;
    private final List<CopyDraft> copies;
    private final long fragmentBase;
    private final long coordinateBase;
    private final long extentBase;
    /** Per copy in catalog order: its first fragment, its first coordinate. */
    private final long[] fragmentStarts;

    private final long[] coordinateStarts;

    FragmentPlacer(CatalogBuilder drafts, IndexImage image, List<CopyDraft> copies, long boxStart) {
        this.drafts = drafts;
        this.segment = image.segment();
        this.copies = copies;
        this.fragmentBase = image.offset(Section.FRAGMENTS);
        this.coordinateBase = image.offset(Section.COORDINATES);
        this.extentBase = image.offset(Section.EXTENTS);
        this.fragmentStarts = new long[copies.size()];
        this.coordinateStarts = new long[copies.size()];
        long fragment = 0;
        long coordinate = boxStart;
        for (int i = 0; i < copies.size(); i++) {
            fragmentStarts[i] = fragment;
            coordinateStarts[i] = coordinate;
            fragment += copies.get(i).fragmentCount;
            coordinate += 2 * copies.get(i).fragmentCount * order(i);
        }
    }

    private int order(int copy) {
        return copies.get(copy).tensor.shape.length;
    }

    void place() throws IOException {
        drafts.log.freeze();
        distribute();
        for (int copy = 0; copy < copies.size(); copy++) {
            sort(copy);
        }
        moveExtents();
    }

    /** Puts each logged fragment behind those of its copy that came before it; extents keep their number in the log. */
    private void distribute() {
        ElasticBuffer log = drafts.log.fragments();
        int[] positionOf = new int[copies.size()];
        for (int position = 0; position < copies.size(); position++) {
            positionOf[copies.get(position).number] = position;
        }
        long[] placed = new long[copies.size()];
        long extents = drafts.log.extentCount();
        for (long at = 0; at < log.size(); ) {
            int copy = positionOf[log.getInt(at)];
            int order = log.getInt(at + 12);
            long number = placed[copy]++;
            long next = at + FragmentLog.FIXED_BYTES + 16L * order;
            long nextExtent = next < log.size() ? log.getLong(next + 16) : extents;
            long record = fragmentBase + (fragmentStarts[copy] + number) * RECORD_BYTES;
            writeRecord(log, at, record, nextExtent - log.getLong(at + 16));
            long box = coordinateBase + 8 * (coordinateStarts[copy] + number * 2 * order);
            for (int i = 0; i < 2 * order; i++) {
                CoordinateRecord.VALUE.set(segment, box + 8L * i, log.getLong(at + FragmentLog.FIXED_BYTES + 8L * i));
            }
            at = next;
        }
    }

    private void writeRecord(ElasticBuffer log, long at, long record, long extentCount) {
        FragmentRecord.ENCODING.set(segment, record, ordinal(log.getInt(at + 4)));
        FragmentRecord.HOLDERS.set(segment, record, ordinal(log.getInt(at + 8)));
        FragmentRecord.EXTENT_START.set(segment, record, log.getLong(at + 16));
        FragmentRecord.EXTENT_COUNT.set(segment, record, extentCount);
        FragmentRecord.START.set(segment, record, log.getLong(at + 24));
        FragmentRecord.COUNT.set(segment, record, log.getLong(at + 32));
    }

    private static long ordinal(int ordinal) {
        return ordinal < 0 ? FieldHandle.U32.NONE : ordinal;
    }

    private void sort(int copy) {
        int count = Math.toIntExact(copies.get(copy).fragmentCount);
        if (count < 2) {
            return;
        }
        long[] strides = Shapes.rowMajorStrides(copies.get(copy).tensor.shape);
        if (isSorted(copy, count, strides)) {
            return;
        }
        long[] keys = new long[count];
        for (int number = 0; number < count; number++) {
            keys[number] = position(copy, number, strides);
        }
        permute(copy, order(keys));
    }

    private boolean isSorted(int copy, int count, long[] strides) {
        long previous = Long.MIN_VALUE;
        for (int number = 0; number < count; number++) {
            long position = position(copy, number, strides);
            if (position < previous) {
                return false;
            }
            previous = position;
        }
        return true;
    }

    /** The row-major position in the tensor of a fragment's first element. */
    private long position(int copy, int number, long[] strides) {
        int order = order(copy);
        long box = coordinateBase + 8 * (coordinateStarts[copy] + 2L * number * order);
        long left = FragmentRecord.START.get(segment, fragmentBase + (fragmentStarts[copy] + number) * RECORD_BYTES);
        long position = 0;
        for (int axis = order - 1; axis >= 0; axis--) {
            long extent = CoordinateRecord.VALUE.get(segment, box + 8L * (order + axis));
            long offset = CoordinateRecord.VALUE.get(segment, box + 8L * axis);
            position += (offset + left % extent) * strides[axis];
            left /= extent;
        }
        return position;
    }

    /** The stable order of {@code keys}, by a merge of runs over primitive arrays. */
    private static int[] order(long[] keys) {
        int[] from = new int[keys.length];
        Arrays.setAll(from, i -> i);
        int[] to = new int[keys.length];
        for (int width = 1; width < keys.length && width > 0; width *= 2) {
            for (int low = 0; low < keys.length; low += 2 * width) {
                int middle = Math.min(low + width, keys.length);
                int high = Math.min(middle + width, keys.length);
                int left = low;
                int right = middle;
                for (int next = low; next < high; next++) {
                    boolean takeLeft = left < middle && (right >= high || keys[from[left]] <= keys[from[right]]);
                    to[next] = takeLeft ? from[left++] : from[right++];
                }
            }
            int[] swap = from;
            from = to;
            to = swap;
        }
        return from;
    }

    /** Follows the cycles of the permutation, so that one record is held outside at a time. */
    private void permute(int copy, int[] order) {
        int boxBytes = 16 * order(copy);
        long records = fragmentBase + fragmentStarts[copy] * RECORD_BYTES;
        long boxes = coordinateBase + 8 * coordinateStarts[copy];
        MemorySegment heldRecord = MemorySegment.ofArray(new byte[RECORD_BYTES]);
        MemorySegment heldBox = MemorySegment.ofArray(new byte[boxBytes]);
        for (int start = 0; start < order.length; start++) {
            if (order[start] == start) {
                continue;
            }
            MemorySegment.copy(segment, records + (long) start * RECORD_BYTES, heldRecord, 0, RECORD_BYTES);
            MemorySegment.copy(segment, boxes + (long) start * boxBytes, heldBox, 0, boxBytes);
            int target = start;
            while (order[target] != start) {
                int source = order[target];
                move(records, source, target, RECORD_BYTES);
                move(boxes, source, target, boxBytes);
                order[target] = target;
                target = source;
            }
            MemorySegment.copy(heldRecord, 0, segment, records + (long) target * RECORD_BYTES, RECORD_BYTES);
            MemorySegment.copy(heldBox, 0, segment, boxes + (long) target * boxBytes, boxBytes);
            order[target] = target;
        }
    }

    private void move(long base, int source, int target, int bytes) {
        MemorySegment.copy(segment, base + (long) source * bytes, segment, base + (long) target * bytes, bytes);
    }

    /** Copies extents from the log in the order of the fragments, so that starts are running sums. */
    private void moveExtents() {
        ElasticBuffer log = drafts.log.extents();
        long next = 0;
        long fragments = drafts.log.fragmentCount();
        for (long fragment = 0; fragment < fragments; fragment++) {
            long record = fragmentBase + fragment * RECORD_BYTES;
            long from = FragmentRecord.EXTENT_START.get(segment, record);
            long count = FragmentRecord.EXTENT_COUNT.get(segment, record);
            FragmentRecord.EXTENT_START.set(segment, record, next);
            for (long i = 0; i < count; i++) {
                long at = extentBase + next++ * ExtentRecord.LAYOUT.sizeBytes();
                long logged = (from + i) * FragmentLog.EXTENT_BYTES;
                ExtentRecord.FILE.set(segment, at, log.getLong(logged));
                ExtentRecord.OFFSET.set(segment, at, log.getLong(logged + 8));
                ExtentRecord.LENGTH_BYTES.set(segment, at, log.getLong(logged + 16));
            }
        }
    }
}
