package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.index.Catalog;
import org.trencadis.index.Encoding;
import org.trencadis.index.Extent;
import org.trencadis.index.Fragment;
import org.trencadis.plan.GatherPlanner;
import org.trencadis.tensor.Dtype;

/** Executes copy runs: fetches the bytes of each and brings them into canonical form. For one thread. */
final class FragmentReader implements AutoCloseable {
    /** Bytes fetched at a time to pick units from. */
    private static final int SPAN_BYTES = 64 * 1024;

    /** Runs of a fragment that are shorter than this, with gaps of {@link #GAP_BYTES} between them, are scattered. */
    private static final long SHORT_BYTES = 64 * 1024;

    private static final long GAP_BYTES = 8 * 1024;

    private final Catalog catalog;
    private final CheckpointFiles files;
    private final Dtype dtype;
    private final int unitBytes;

    private Fragment fragment;
    private Encoding encoding;
    private int extentNumber;
    private Extent extent;
    /** Position of the extent's first byte in the fragment's bytes. */
    private long extentStart;

    private OpenFile file;
    private int fileOrdinal;
    /** Where the fragment's last run ended in the extent's file, or -1 before the first. */
    private long lastEnd;

    private boolean scattered;

    FragmentReader(Catalog catalog, CheckpointFiles files, Dtype dtype) {
        this.catalog = catalog;
        this.files = files;
        this.dtype = dtype;
        this.unitBytes = GatherPlanner.unitBytes(dtype);
    }

    /** Brings one run of the planner to {@code targetOffset} of {@code target}. */
    void read(Fragment of, long sourceBytes, long stepBytes, long units, MemorySegment target, long targetOffset)
            throws IOException {
        begin(of);
        boolean together = stepBytes == unitBytes || units == 1;
        if (isStream() && encoding.strides() != null) {
            readSpooled(sourceBytes, stepBytes, units, target, targetOffset);
        } else if (encoding != null && encoding.strides() != null) {
            checkStrided();
            if (together) {
                readRun(sourceBytes, target, targetOffset, units * unitBytes);
            } else {
                file.readStrided(extent, sourceBytes, stepBytes, units, unitBytes, target, targetOffset);
            }
        } else if (together) {
            readTogether(sourceBytes, units * unitBytes, target, targetOffset);
        } else {
            readApart(sourceBytes, stepBytes, units, target, targetOffset);
        }
        if (encoding != null && !encoding.isPlainBytes()) {
            ElementEncoding.decode(dtype, encoding, target, targetOffset, units);
        }
    }

    private boolean isStream() {
        return encoding != null && encoding.zstd();
    }

    /** Units of a stream in any order: from the decoded stream as a whole. */
    private void readSpooled(long from, long stepBytes, long units, MemorySegment target, long targetOffset)
            throws IOException {
        checkStream();
        long first = Math.addExact(encoding.streamOffset(), from);
        long last = Math.addExact(first, Math.multiplyExact(units - 1, stepBytes));
        long end = Math.addExact(Math.max(first, last), unitBytes);
        files.streams().readAnywhere(file, extent, decodedEnd(end), decoded -> {
            if (Math.min(first, last) < 0) {
                throw beforeStream(Math.min(first, last));
            }
            OpenFile.copyStrided(decoded, first, stepBytes, units, unitBytes, target, targetOffset);
        });
    }

    /** The end of the fragment's elements in the decoded stream, so that it is decoded once for all runs. */
    private long decodedEnd(long least) {
        long end = Math.addExact(encoding.streamOffset(), unitBytes);
        long[] first = fragment.region().first();
        for (int axis = 0; axis < first.length; axis++) {
            long beyond = fragment.region().box().end(axis) - 1 - first[axis];
            long stride = Math.max(0, encoding.strides()[axis]);
            end = Math.addExact(end, Math.multiplyExact(Math.multiplyExact(stride, beyond), (long) unitBytes));
        }
        return Math.max(least, end);
    }

    private Corrupt beforeStream(long position) {
        return new Corrupt(
                "elements lie in their stream", "from 0", position, file.place("zstd stream", extent.offset()));
    }

    @SuppressWarnings("ReferenceEquality") // the planner hands out one object a fragment
    private void begin(Fragment next) throws IOException {
        if (fragment != next) {
            fragment = next;
            encoding = next.encoding() < 0 ? null : catalog.encoding(next.encoding());
            lastEnd = -1;
            enter(0, 0);
        }
    }

    private void enter(int number, long start) throws IOException {
        if (number >= fragment.extentCount()) {
            throw shortExtents(start);
        }
        extentNumber = number;
        extentStart = start;
        extent = catalog.extent(fragment, number);
        if (file == null || fileOrdinal != extent.file()) {
            letGo();
            file = files.pin(extent.file());
            fileOrdinal = extent.file();
        }
    }

    private Corrupt shortExtents(long bytes) {
        return new Corrupt(
                "the extents of a fragment hold its elements",
                dtype.bytes(fragment.region().count()) + " bytes",
                bytes + " bytes",
                new Place(catalog.image().resource(), "EXTENTS", 0));
    }

    /** Positions may leave the extent's bytes, so there is but one extent, and its file's length is the bound. */
    private void checkStrided() throws Corrupt {
        if (fragment.extentCount() != 1) {
            throw new Corrupt(
                    "a fragment with strides is one extent",
                    "1 extent",
                    fragment.extentCount(),
                    new Place(catalog.image().resource(), "FRAGMENTS", 0));
        }
    }

    private void checkStream() throws Corrupt {
        if (file.isShard() || fragment.extentCount() != 1) {
            throw new Corrupt(
                    "a stream is one extent of a foreign file",
                    "1 foreign extent",
                    fragment.extentCount() + (file.isShard() ? " in a shard" : ""),
                    new Place(catalog.image().resource(), "FRAGMENTS", 0));
        }
    }

    /** Units of a row-major fragment that do not lie together: picked in the mapping, or out of blocks that span some. */
    private void readApart(long from, long stepBytes, long units, MemorySegment target, long targetOffset)
            throws IOException {
        enterExtentOf(from);
        long end = from + (units - 1) * stepBytes + unitBytes;
        boolean inOneExtent = !isStream() && end <= extentStart + extent.lengthBytes();
        if (inOneExtent
                && file.tryReadStrided(extent, from - extentStart, stepBytes, units, unitBytes, target, targetOffset)) {
            return;
        }
        long blockUnits = Math.max(1, Math.min(units, (SPAN_BYTES - unitBytes) / stepBytes + 1));
        MemorySegment span = MemorySegment.ofArray(new byte[(int) ((blockUnits - 1) * stepBytes + unitBytes)]);
        for (long done = 0; done < units; done += blockUnits) {
            long count = Math.min(blockUnits, units - done);
            readTogether(from + done * stepBytes, (count - 1) * stepBytes + unitBytes, span, 0);
            OpenFile.copyStrided(span, 0, stepBytes, count, unitBytes, target, targetOffset + done * unitBytes);
        }
    }

    /** Makes the extent current that holds the byte at {@code from} of the fragment's bytes. */
    private void enterExtentOf(long from) throws IOException {
        if (isStream()) {
            return;
        }
        if (from < extentStart) {
            enter(0, 0);
        }
        while (from - extentStart >= extent.lengthBytes()) {
            enter(extentNumber + 1, extentStart + extent.lengthBytes());
        }
    }

    private void readTogether(long from, long bytes, MemorySegment target, long targetOffset) throws IOException {
        if (isStream()) {
            checkStream();
            files.streams()
                    .read(file, extent, Math.addExact(encoding.streamOffset(), from), target, targetOffset, bytes);
            return;
        }
        while (bytes > 0) {
            enterExtentOf(from);
            long part = Math.min(bytes, extent.lengthBytes() - (from - extentStart));
            readRun(from - extentStart, target, targetOffset, part);
            from += part;
            targetOffset += part;
            bytes -= part;
        }
    }

    /** Reads from the current extent. A slice of columns reads the pages that it needs, and not what lies between them. */
    private void readRun(long fromBytes, MemorySegment target, long targetOffset, long bytes) throws IOException {
        boolean apart = bytes < SHORT_BYTES && isApart(fromBytes, bytes);
        if (apart != scattered && !file.isShard()) {
            scattered = apart;
            file.expectScattered(apart);
        }
        lastEnd = fromBytes + bytes;
        file.read(extent, fromBytes, target, targetOffset, bytes);
    }

    /** Whether a run is far from the one before; the first run of a fragment where there is more in its extent. */
    private boolean isApart(long fromBytes, long bytes) {
        return lastEnd < 0 ? bytes < extent.lengthBytes() : Math.abs(fromBytes - lastEnd) >= GAP_BYTES;
    }

    /** The bytes of a run as part of a mapping, or null. The file stays pinned for as long as {@code files} is open. */
    MemorySegment findView(Fragment of, long sourceBytes, long bytes) throws IOException {
        begin(of);
        if (encoding != null) {
            boolean plain = encoding.isPlainBytes() && !isStream() && !file.isShard() && fragment.extentCount() == 1;
            return plain ? pinned(file.findView(extent, sourceBytes, bytes)) : null;
        }
        enterExtentOf(sourceBytes);
        if (bytes > extent.lengthBytes() - (sourceBytes - extentStart)) {
            return null;
        }
        return pinned(file.findView(extent, sourceBytes - extentStart, bytes));
    }

    private MemorySegment pinned(MemorySegment view) {
        if (view != null) {
            file = null;
        }
        return view;
    }

    private void letGo() {
        if (file != null) {
            if (scattered) {
                file.expectScattered(false);
                scattered = false;
            }
            file.unpin();
            file = null;
        }
    }

    @Override
    public void close() {
        letGo();
    }
}
