package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/**
 * A torch archive: a zip file of stored records under one root folder, known from its central directory alone.
 *
 * <p>The records must not overlap, so no byte is two things; checksums are not looked at, torch may leave them out.
 */
final class ZipArchive {
    private static final int LOCAL_SIGNATURE = 0x04034b50;
    private static final int LOCAL_BYTES = 30;
    private static final int FIELDS = 4;
    private static final int HEADER = 0;
    private static final int SIZE = 1;
    /** Where the next record, or the directory, begins. */
    private static final int LIMIT = 2;
    /** Position of the name in the directory and, in the low 16 bits, its length. */
    private static final int NAME = 3;

    private final FileLease lease;
    private final long start;
    private final ZipEnd end;
    private final LongColumn column;
    private byte[] root;
    private int count;
    /** One more than the entry, by the hash of its name. */
    private final MemorySegment table;

    private final long tableMask;
    private boolean isAscending = true;

    private ZipArchive(FileLease lease, long start, ZipEnd end, Arena arena) {
        this.lease = lease;
        this.start = start;
        this.end = end;
        this.column = new LongColumn(arena, end.entries() * FIELDS);
        long slots = Math.max(16, Long.highestOneBit(end.entries()) * 4);
        this.table = arena.allocate(4 * slots, 4);
        this.tableMask = slots - 1;
    }

    /** The archive in {@code length} bytes from {@code start} of a file. */
    static ZipArchive open(FileLease lease, long start, long length, Arena arena) throws IOException {
        ZipEnd end = ZipEnd.read(lease, start, length);
        ZipArchive archive = new ZipArchive(lease, start, end, arena);
        archive.readDirectory();
        archive.checkOverlaps();
        return archive;
    }

    private void readDirectory() throws IOException {
        ZipDirectory directory = new ZipDirectory(lease, start, end);
        while (directory.next()) {
            byte[] name = directory.name();
            int slash = indexOf(name, (byte) '/');
            if (slash <= 0) {
                throw corrupt("a record is in the archive's root folder", "root/name", text(name), directory.place());
            }
            if (root == null) {
                root = Arrays.copyOf(name, slash + 1);
            }
            if (!startsWithRoot(name)) {
                throw corrupt("an archive has one root folder", text(root), text(name), directory.place());
            }
            add(directory, name);
        }
    }

    private void add(ZipDirectory directory, byte[] name) throws IOException {
        long slot = findSlot(name);
        if (entryAt(slot) >= 0) {
            throw corrupt("names of records differ", "one record", "a second " + text(name), directory.place());
        }
        if (count > 0 && directory.headerOffset() <= field(count - 1, HEADER)) {
            isAscending = false;
        }
        long at = (long) count * FIELDS;
        column.set(at + HEADER, directory.headerOffset());
        column.set(at + SIZE, directory.sizeBytes());
        column.set(at + LIMIT, end.directoryOffset());
        column.set(at + NAME, directory.nameOffset() << 16 | name.length);
        if (count > 0) {
            column.set(at - FIELDS + LIMIT, directory.headerOffset());
        }
        table.setAtIndex(ValueLayout.JAVA_INT, slot, ++count);
    }

    private void checkOverlaps() throws IOException {
        if (!isAscending) {
            setLimitsByOrder();
        }
        for (int entry = 0; entry < count; entry++) {
            long room = field(entry, LIMIT) - field(entry, HEADER);
            long least = LOCAL_BYTES + (field(entry, NAME) & 0xFFFF);
            if (room < least || field(entry, SIZE) > room - least) {
                throw corrupt(
                        "records of an archive do not overlap",
                        "at most " + Math.max(0, room - least) + " bytes",
                        name(entry) + " of " + field(entry, SIZE),
                        place(field(entry, HEADER)));
            }
        }
    }

    private void setLimitsByOrder() {
        long[] headers = new long[count + 1];
        for (int entry = 0; entry < count; entry++) {
            headers[entry] = field(entry, HEADER);
        }
        headers[count] = end.directoryOffset();
        Arrays.sort(headers);
        for (int entry = 0; entry < count; entry++) {
            int at = Arrays.binarySearch(headers, field(entry, HEADER));
            boolean isShared = headers[at + 1] == headers[at] || at > 0 && headers[at - 1] == headers[at];
            column.set((long) entry * FIELDS + LIMIT, isShared ? headers[at] : headers[at + 1]);
        }
    }

    /** The record with this name below the root folder, or -1. */
    long find(String name) throws IOException {
        byte[] tail = name.getBytes(StandardCharsets.UTF_8);
        byte[] whole = Arrays.copyOf(root == null ? new byte[0] : root, (root == null ? 0 : root.length) + tail.length);
        System.arraycopy(tail, 0, whole, whole.length - tail.length, tail.length);
        return entryAt(findSlot(whole));
    }

    int count() {
        return count;
    }

    long sizeBytes(long entry) {
        return field(entry, SIZE);
    }

    /** The position in the file of a record's first byte. */
    long offsetBytes(long entry) throws IOException {
        long header = field(entry, HEADER);
        int nameBytes = (int) field(entry, NAME) & 0xFFFF;
        byte[] bytes = new byte[LOCAL_BYTES + nameBytes];
        lease.read(start + header, MemorySegment.ofArray(bytes), 0, bytes.length);
        ByteBuffer local = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        boolean sameName = Arrays.equals(nameBytes(entry), 0, nameBytes, bytes, LOCAL_BYTES, bytes.length);
        if (local.getInt(0) != LOCAL_SIGNATURE || local.getShort(8) != 0 || local.getShort(26) != (short) nameBytes) {
            sameName = false;
        }
        if (!sameName) {
            throw corrupt(
                    "a record's own header agrees with the directory",
                    "a stored " + name(entry),
                    "another header",
                    place(header));
        }
        long payload = header + bytes.length + (local.getShort(28) & 0xFFFF);
        if (field(entry, SIZE) > field(entry, LIMIT) - payload) {
            throw corrupt(
                    "records of an archive do not overlap",
                    "end at most " + field(entry, LIMIT),
                    name(entry) + " at " + payload + " + " + field(entry, SIZE),
                    place(header));
        }
        return start + payload;
    }

    /** The bytes of a small record, or null where there is none. */
    byte[] findBytes(String name, int mostBytes) throws IOException {
        long entry = find(name);
        if (entry < 0) {
            return null;
        }
        if (sizeBytes(entry) > mostBytes) {
            throw corrupt("record " + name + " is short", "at most " + mostBytes, sizeBytes(entry), place(0));
        }
        byte[] bytes = new byte[(int) sizeBytes(entry)];
        lease.read(offsetBytes(entry), MemorySegment.ofArray(bytes), 0, bytes.length);
        return bytes;
    }

    private long findSlot(byte[] name) throws IOException {
        long slot = TextScan.hash(name) & tableMask;
        while (entryAt(slot) >= 0 && !isNamed(entryAt(slot), name)) {
            slot = slot + 1 & tableMask;
        }
        return slot;
    }

    private int entryAt(long slot) {
        return table.getAtIndex(ValueLayout.JAVA_INT, slot) - 1;
    }

    private boolean isNamed(int entry, byte[] name) throws IOException {
        return (field(entry, NAME) & 0xFFFF) == name.length && Arrays.equals(nameBytes(entry), name);
    }

    private byte[] nameBytes(long entry) throws IOException {
        byte[] name = new byte[(int) field(entry, NAME) & 0xFFFF];
        lease.read(start + (field(entry, NAME) >>> 16), MemorySegment.ofArray(name), 0, name.length);
        return name;
    }

    private String name(long entry) throws IOException {
        return text(nameBytes(entry));
    }

    private boolean startsWithRoot(byte[] name) {
        return name.length >= root.length && Arrays.equals(name, 0, root.length, root, 0, root.length);
    }

    private static int indexOf(byte[] bytes, byte wanted) {
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == wanted) {
                return i;
            }
        }
        return -1;
    }

    private static String text(byte[] name) {
        return new String(name, StandardCharsets.UTF_8);
    }

    private long field(long entry, int field) {
        return column.get(entry * FIELDS + field);
    }

    private Place place(long offset) {
        return new Place(lease.file().toString(), "zip record", start + offset);
    }

    private static FormatException corrupt(String rule, Object expected, Object actual, Place place) {
        return new Corrupt(rule, expected, actual, place);
    }
}
