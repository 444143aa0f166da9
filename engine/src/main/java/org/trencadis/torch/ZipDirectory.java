package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/** The entries of a zip file's central directory one after another; checks what each says. */
final class ZipDirectory {
    private static final int SIGNATURE = 0x02014b50;
    private static final int FIXED_BYTES = 46;
    private static final int MOST_ENTRY_BYTES = FIXED_BYTES + 3 * 65_535;
    /** Encrypted, patched, strongly encrypted, masked headers. */
    private static final int REFUSED_FLAGS = 1 | 1 << 5 | 1 << 6 | 1 << 13;

    private static final int ZIP64_ID = 1;
    private static final long ALL_ONES = 0xFFFFFFFFL;

    private final FileLease lease;
    private final long start;
    private final ZipEnd end;
    private final ByteBuffer window;
    private long windowOffset;
    private long entriesLeft;
    private int at;
    private byte[] name;
    private long sizeBytes;
    private long headerOffset;
    private long nameOffset;

    ZipDirectory(FileLease lease, long start, ZipEnd end) {
        this.lease = lease;
        this.start = start;
        this.end = end;
        this.entriesLeft = end.entries();
        this.windowOffset = end.directoryOffset();
        this.window = ByteBuffer.allocate((int) Math.min(end.directoryBytes(), 2 * MOST_ENTRY_BYTES))
                .order(ByteOrder.LITTLE_ENDIAN)
                .limit(0);
    }

    /** Steps to the next entry; whether there is one. */
    boolean next() throws IOException {
        if (entriesLeft == 0) {
            if (windowOffset + at != end.directoryOffset() + end.directoryBytes()) {
                throw corrupt("a directory holds as many entries as it says", end.entries(), "more bytes");
            }
            return false;
        }
        entriesLeft--;
        show(FIXED_BYTES);
        if (window.getInt(at) != SIGNATURE) {
            throw corrupt("an entry begins with its signature", SIGNATURE, window.getInt(at));
        }
        int nameBytes = window.getShort(at + 28) & 0xFFFF;
        int extraBytes = window.getShort(at + 30) & 0xFFFF;
        int entryBytes = FIXED_BYTES + nameBytes + extraBytes + (window.getShort(at + 32) & 0xFFFF);
        show(entryBytes);
        nameOffset = windowOffset + at + FIXED_BYTES;
        name = Arrays.copyOfRange(window.array(), at + FIXED_BYTES, at + FIXED_BYTES + nameBytes);
        readFacts(at + FIXED_BYTES + nameBytes, extraBytes);
        at += entryBytes;
        return true;
    }

    private void readFacts(int extraAt, int extraBytes) throws IOException {
        int flags = window.getShort(at + 8);
        int method = window.getShort(at + 10);
        if ((flags & REFUSED_FLAGS) != 0 || method != 0) {
            throw new FormatException.Unsupported(
                    "records of a torch archive are stored, neither compressed nor encrypted",
                    "method 0",
                    "method " + method + ", flags " + flags,
                    place());
        }
        long stored = window.getInt(at + 20) & ALL_ONES;
        sizeBytes = window.getInt(at + 24) & ALL_ONES;
        headerOffset = window.getInt(at + 42) & ALL_ONES;
        int wide = findZip64(extraAt, extraBytes);
        int wideEnd = wide < 0 ? -1 : wide + (window.getShort(wide - 2) & 0xFFFF);
        if (sizeBytes == ALL_ONES && wide >= 0) {
            sizeBytes = wide(wide, wideEnd);
            wide += 8;
        }
        if (stored == ALL_ONES && wide >= 0) {
            stored = wide(wide, wideEnd);
            wide += 8;
        }
        if (headerOffset == ALL_ONES && wide >= 0) {
            headerOffset = wide(wide, wideEnd);
        }
        if (window.getShort(at + 34) != 0) {
            throw corrupt("an archive lies on one disk", 0, window.getShort(at + 34));
        }
        if (stored != sizeBytes || sizeBytes < 0) {
            throw corrupt("a stored record has one length", sizeBytes, stored);
        }
        if (headerOffset < 0 || headerOffset >= end.directoryOffset()) {
            throw corrupt("a record lies before the directory", "less than " + end.directoryOffset(), headerOffset);
        }
    }

    private int findZip64(int from, int bytes) throws IOException {
        int to = from + bytes;
        for (int field = from; field + 4 <= to; ) {
            int length = window.getShort(field + 2) & 0xFFFF;
            if (length > to - field - 4) {
                throw corrupt("an extra field lies in its entry", to - field - 4, length);
            }
            if (window.getShort(field) == ZIP64_ID) {
                return field + 4;
            }
            field += 4 + length;
        }
        return -1;
    }

    private long wide(int from, int to) throws IOException {
        if (from + 8 > to) {
            throw corrupt("a 64-bit extra field holds what its entry leaves out", "8 bytes", to - from);
        }
        return window.getLong(from);
    }

    private void show(int count) throws IOException {
        long left = end.directoryOffset() + end.directoryBytes() - windowOffset - at;
        if (count > left) {
            throw corrupt("an entry lies in the directory", count + " bytes", left);
        }
        if (window.limit() - at >= count) {
            return;
        }
        int kept = window.limit() - at;
        System.arraycopy(window.array(), at, window.array(), 0, kept);
        windowOffset += at;
        at = 0;
        int more = (int) Math.min(window.capacity() - kept, left - kept);
        lease.read(start + windowOffset + kept, MemorySegment.ofArray(window.array()), kept, more);
        window.limit(kept + more);
    }

    byte[] name() {
        return name;
    }

    /** Position of the entry's name, relative to the archive. */
    long nameOffset() {
        return nameOffset;
    }

    long sizeBytes() {
        return sizeBytes;
    }

    /** Position of the record's own header, relative to the archive. */
    long headerOffset() {
        return headerOffset;
    }

    Place place() {
        return new Place(lease.file().toString(), "zip directory", start + windowOffset + at);
    }

    private FormatException.Corrupt corrupt(String rule, Object expected, Object actual) {
        return new FormatException.Corrupt(rule, expected, actual, place());
    }
}
