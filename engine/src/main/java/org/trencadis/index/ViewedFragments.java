package org.trencadis.index;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatLimits;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/**
 * Fragments of tensors as fragments of views: regions go where a map says, elements stay where they lie.
 *
 * <p>A region that keeps its order stays one region. Any other is cut into boxes, each with the strides its axes had. In
 * shards such boxes are cut at chunks first, so that a gather decodes each chunk once.
 */
final class ViewedFragments {
    private static final int CANONICAL = -1;

    /** Compares encodings by what they say; records compare arrays by identity. */
    private record EncodingKey(
            boolean bigEndian,
            boolean conjugate,
            boolean negate,
            List<Long> strides,
            boolean zstd,
            long streamOffset) {}

    private final Catalog source;
    private final CatalogBuilder builder;
    private final Map<EncodingKey, Integer> encodings = new HashMap<>();
    private final boolean[] shards;

    ViewedFragments(Catalog source, CatalogBuilder builder) throws IOException {
        this.source = source;
        this.builder = builder;
        this.shards = new boolean[source.fileCount()];
        for (int file = 0; file < shards.length; file++) {
            shards[file] = source.file(file).shard();
        }
    }

    /** Where fragments go. */
    record Target(int copy, Dtype dtype, BoxMap map, int holders, String name) {}

    /** A byte string with the elements of a region. */
    private record Held(Region region, long[] strides, Encoding encoding, Extent extent) {}

    /** Adds the fragment as it is. */
    void copy(Fragment fragment, int copy, int holders) throws IOException {
        int encoding = fragment.encoding() < 0 ? CANONICAL : encoding(source.encoding(fragment.encoding()));
        Extent first = source.extent(fragment, 0);
        builder.addFragment(
                copy, fragment.region(), encoding, holders, first.file(), first.offset(), first.lengthBytes());
        for (int number = 1; number < fragment.extentCount(); number++) {
            Extent extent = source.extent(fragment, number);
            builder.addExtent(extent.file(), extent.offset(), extent.lengthBytes());
        }
    }

    /** Adds what the map takes of a fragment; returns its elements. */
    long add(Fragment fragment, Target target) throws IOException {
        Encoding encoding = fragment.encoding() < 0 ? null : source.encoding(fragment.encoding());
        Region region = fragment.region();
        if (encoding != null && encoding.strides() != null) {
            return add(new Held(region, encoding.strides(), encoding, source.extent(fragment, 0)), target);
        }
        long[] strides = Shapes.rowMajorStrides(region.box().extents());
        if (encoding != null && encoding.zstd()) {
            return add(new Held(region, strides, encoding, source.extent(fragment, 0)), target);
        }
        long added = 0;
        long done = 0;
        for (int number = 0; number < fragment.extentCount(); number++) {
            Extent extent = source.extent(fragment, number);
            long elements = Math.min(extent.lengthBytes() * 8 / target.dtype().bits(), region.count() - done);
            added += add(new Held(region.part(done, elements), strides, encoding, extent), target);
            done += elements;
        }
        return added;
    }

    private long add(Held held, Target target) throws IOException {
        Region whole = findInterval(held.region(), target.map());
        if (whole != null && whole.count() == 0) {
            return 0;
        }
        if (whole != null && (!shards[held.extent().file()] || isRowMajor(whole, held, target))) {
            return emit(whole, held, target);
        }
        if (!shards[held.extent().file()]) {
            return addBoxes(held.region(), held, target);
        }
        long chunkElements = FormatLimits.CHUNK_BYTES * 8L / target.dtype().bits();
        long skipped = held.extent().skippedBytes() * 8 / target.dtype().bits();
        long added = 0;
        for (long done = 0; done < held.region().count(); ) {
            long count = Math.min(
                    chunkElements - (skipped + done) % chunkElements,
                    held.region().count() - done);
            added += addBoxes(held.region().part(done, count), held, target);
            done += count;
        }
        return added;
    }

    private long addBoxes(Region region, Held held, Target target) throws IOException {
        long[] added = new long[1];
        IOException[] failure = new IOException[1];
        region.forEachBox(box -> {
            Box taken = box.findIntersection(target.map().from());
            if (taken != null && failure[0] == null) {
                try {
                    added[0] += emit(Region.of(taken), held, target);
                } catch (IOException e) {
                    failure[0] = e;
                }
            }
        });
        if (failure[0] != null) {
            throw failure[0];
        }
        return added[0];
    }

    /**
     * What the map takes of {@code region} as one interval of a box whose order it keeps; without elements where it takes
     * nothing; null where that is no interval, or comes in another order.
     */
    private static Region findInterval(Region region, BoxMap map) {
        Box box = region.box();
        Box taken = box.findIntersection(map.from());
        if (taken == null) {
            return new Region(box, 0, 0);
        }
        if (!map.keepsOrder(taken)) {
            return null;
        }
        if (region.isWholeBox()) {
            return Region.of(taken);
        }
        int leading = 0;
        while (leading < box.order() && box.extents()[leading] == 1) {
            leading++;
        }
        for (int axis = leading + 1; axis < box.order(); axis++) {
            if (taken.extents()[axis] != box.extents()[axis]) {
                return null;
            }
        }
        long before = box.flatten(taken.offsets());
        long from = Math.max(region.start(), before);
        long end = Math.min(region.start() + region.count(), before + taken.elements());
        return from >= end ? new Region(taken, 0, 0) : new Region(taken, from - before, end - from);
    }

    private static boolean isRowMajor(Region part, Held held, Target target) {
        Box moved = target.map().apply(part.box());
        return isRowMajor(moved.extents(), target.map().strides(held.strides()));
    }

    private static boolean isRowMajor(long[] extents, long[] strides) {
        long[] rowMajor = Shapes.rowMajorStrides(extents);
        for (int axis = 0; axis < extents.length; axis++) {
            if (extents[axis] != 1 && strides[axis] != rowMajor[axis]) {
                return false;
            }
        }
        return true;
    }

    /** Adds {@code part} of the elements, which has the strides of the whole. */
    private long emit(Region part, Held held, Target target) throws IOException {
        long[] from = held.region().first();
        long[] first = part.first();
        long elements = 0;
        for (int axis = 0; axis < first.length; axis++) {
            elements += (first[axis] - from[axis]) * held.strides()[axis];
        }
        Box box = target.map().apply(part.box());
        long[] strides = target.map().strides(held.strides());
        boolean canonical = isRowMajor(box.extents(), strides);
        Dtype dtype = target.dtype();
        if (dtype.bits() % 8 != 0) {
            checkPacked(canonical, elements, part, target);
        }
        long skippedBytes = elements * dtype.bits() / 8;
        boolean stream = held.encoding() != null && held.encoding().zstd();
        builder.addFragment(
                target.copy(),
                new Region(box, part.start(), part.count()),
                encoding(held.encoding(), canonical ? null : strides, skippedBytes),
                target.holders(),
                held.extent().file(),
                stream ? held.extent().offset() : offset(held.extent(), skippedBytes),
                stream ? held.extent().lengthBytes() : dtype.bytes(part.count()));
        return part.count();
    }

    private static void checkPacked(boolean canonical, long elements, Region part, Target target)
            throws CatalogException {
        int bits = target.dtype().bits();
        if (!canonical || elements * bits % 8 != 0) {
            throw new CatalogException(
                    target.name() + " of packed " + target.dtype().torchName()
                            + " can only be renamed, or cut where elements start on a byte, not at " + part);
        }
    }

    private long offset(Extent extent, long bytes) {
        if (!shards[extent.file()]) {
            return extent.offset() + bytes;
        }
        long at = extent.skippedBytes() + bytes;
        return Extent.offset(extent.firstChunk() + at / FormatLimits.CHUNK_BYTES, at % FormatLimits.CHUNK_BYTES);
    }

    /** The number of an encoding like {@code base} (null for canonical) with other strides, from a later element on. */
    private int encoding(Encoding base, long[] strides, long skippedBytes) {
        if (base == null) {
            return encoding(new Encoding(false, false, false, strides));
        }
        long streamOffset = base.zstd() ? base.streamOffset() + skippedBytes : 0;
        return encoding(
                new Encoding(base.bigEndian(), base.conjugate(), base.negate(), strides, base.zstd(), streamOffset));
    }

    private int encoding(Encoding wanted) {
        if (wanted.strides() == null && wanted.isPlainBytes() && !wanted.zstd()) {
            return CANONICAL;
        }
        List<Long> strides = wanted.strides() == null
                ? null
                : Arrays.stream(wanted.strides()).boxed().toList();
        EncodingKey key = new EncodingKey(
                wanted.bigEndian(), wanted.conjugate(), wanted.negate(), strides, wanted.zstd(), wanted.streamOffset());
        return encodings.computeIfAbsent(key, missing -> builder.addEncoding(wanted));
    }
}
