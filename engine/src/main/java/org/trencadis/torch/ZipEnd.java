package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/**
 * What the end of a zip file says about its central directory, in 32 or 64 bits.
 *
 * @param directoryOffset relative to the start of the archive
 */
record ZipEnd(long entries, long directoryOffset, long directoryBytes) {
    private static final int END_SIGNATURE = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int MAX_COMMENT_BYTES = 65_535;
    private static final int LOCATOR_SIGNATURE = 0x07064b50;
    private static final int LOCATOR_BYTES = 20;
    private static final int END64_SIGNATURE = 0x06064b50;
    private static final int END64_BYTES = 56;
    private static final int LEAST_ENTRY_BYTES = 46;
    private static final int MAX_ENTRIES = 1 << 23;

    static ZipEnd read(FileLease lease, long start, long length) throws IOException {
        int tailBytes = (int) Math.min(length, END_BYTES + MAX_COMMENT_BYTES);
        ByteBuffer tail = bytes(lease, start + length - tailBytes, tailBytes);
        int at = findEnd(tail);
        if (at < 0) {
            throw new FormatException.Truncated(
                    "a zip file ends with its end record",
                    "an end record in the last " + tailBytes + " bytes",
                    "none",
                    new Place(lease.file().toString(), "zip end", start + length));
        }
        long endOffset = length - tailBytes + at;
        Place place = new Place(lease.file().toString(), "zip end", start + endOffset);
        long entries = tail.getShort(at + 10) & 0xFFFFL;
        long directoryBytes = tail.getInt(at + 12) & 0xFFFFFFFFL;
        long directoryOffset = tail.getInt(at + 16) & 0xFFFFFFFFL;
        check(tail.getInt(at + 4) == 0 && tail.getShort(at + 8) == tail.getShort(at + 10), "one disk", place);
        long directoryEnd = endOffset;
        ByteBuffer end64 = findEnd64(lease, start, endOffset, place);
        if (end64 != null) {
            directoryEnd = end64.getLong(END64_BYTES);
            check(end64.getLong(16) == 0 && end64.getLong(24) == end64.getLong(32), "one disk", place);
            check(
                    agrees(entries, end64.getLong(32), 0xFFFFL)
                            && agrees(directoryBytes, end64.getLong(40), 0xFFFFFFFFL)
                            && agrees(directoryOffset, end64.getLong(48), 0xFFFFFFFFL),
                    "two end records that agree",
                    place);
            entries = end64.getLong(32);
            directoryBytes = end64.getLong(40);
            directoryOffset = end64.getLong(48);
        }
        check(
                directoryBytes >= 0
                        && directoryBytes <= directoryEnd
                        && directoryOffset == directoryEnd - directoryBytes,
                "a directory that ends where its end record begins",
                place);
        check(
                entries >= 0 && entries <= directoryBytes / LEAST_ENTRY_BYTES,
                "a directory that can hold its entries",
                place);
        if (entries > MAX_ENTRIES) {
            throw new FormatException.Unsupported("an archive has less records", MAX_ENTRIES, entries, place);
        }
        return new ZipEnd(entries, directoryOffset, directoryBytes);
    }

    private static int findEnd(ByteBuffer tail) {
        for (int at = tail.limit() - END_BYTES; at >= 0; at--) {
            if (tail.getInt(at) == END_SIGNATURE
                    && (tail.getShort(at + 20) & 0xFFFF) == tail.limit() - END_BYTES - at) {
                return at;
            }
        }
        return -1;
    }

    /** The 64-bit end record with its own offset behind it, or null where there is none. */
    private static ByteBuffer findEnd64(FileLease lease, long start, long endOffset, Place place) throws IOException {
        if (endOffset < LOCATOR_BYTES + END64_BYTES) {
            return null;
        }
        ByteBuffer locator = bytes(lease, start + endOffset - LOCATOR_BYTES, LOCATOR_BYTES);
        if (locator.getInt(0) != LOCATOR_SIGNATURE) {
            return null;
        }
        long offset = locator.getLong(8);
        check(
                locator.getInt(4) == 0 && offset >= 0 && offset <= endOffset - LOCATOR_BYTES - END64_BYTES,
                "a 64-bit end record in the archive",
                place);
        ByteBuffer record = bytes(lease, start + offset, END64_BYTES);
        check(
                record.getInt(0) == END64_SIGNATURE && record.getLong(4) == endOffset - LOCATOR_BYTES - offset - 12,
                "a 64-bit end record that ends at its locator",
                place);
        ByteBuffer withOffset = ByteBuffer.allocate(END64_BYTES + 8).order(ByteOrder.LITTLE_ENDIAN);
        withOffset.put(0, record, 0, END64_BYTES);
        return withOffset.putLong(END64_BYTES, offset);
    }

    private static boolean agrees(long small, long large, long most) {
        return small == most || small == large;
    }

    private static ByteBuffer bytes(FileLease lease, long offset, int count) throws IOException {
        byte[] bytes = new byte[count];
        lease.read(offset, MemorySegment.ofArray(bytes), 0, count);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void check(boolean holds, String expected, Place place) throws IOException {
        if (!holds) {
            throw new FormatException.Corrupt(
                    "the end of a zip file describes the whole file", expected, "other", place);
        }
    }
}
