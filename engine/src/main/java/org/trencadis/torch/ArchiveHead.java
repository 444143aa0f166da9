package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/**
 * An archive of one tensor from its first bytes, where its directory is not at hand: the records before the elements one
 * after the other. Torch writes the length of a record behind it; a pickle ends by itself, and a length that says how far
 * it stands from its record's start is that record's.
 */
final class ArchiveHead {
    private static final int LOCAL_SIGNATURE = 0x04034b50;
    private static final int LOCAL_BYTES = 30;
    private static final int LENGTH_SIGNATURE = 0x08074b50;
    private static final int LENGTH_BYTES = 16;
    /** Lengths and checksum stand behind the record. */
    private static final int LENGTH_BEHIND = 1 << 3;

    private static final int MAX_SMALL_BYTES = 256;

    private final FileLease lease;
    private final ByteBuffer bytes;
    private final Arena arena;
    private PickleTree tree;
    private boolean bigEndian;

    private ArchiveHead(FileLease lease, Arena arena) throws IOException {
        byte[] copy = new byte[Math.toIntExact(lease.sizeBytes())];
        lease.read(0, MemorySegment.ofArray(copy), 0, copy.length);
        this.lease = lease;
        this.bytes = ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
        this.arena = arena;
    }

    static ArchiveHead read(FileLease lease, Arena arena) throws IOException {
        ArchiveHead head = new ArchiveHead(lease, arena);
        head.run();
        return head;
    }

    PickleTree tree() {
        return tree;
    }

    boolean bigEndian() {
        return bigEndian;
    }

    private void run() throws IOException {
        int at = 0;
        while (true) {
            requireRoom(at, LOCAL_BYTES);
            if (bytes.getInt(at) != LOCAL_SIGNATURE || bytes.getShort(at + 8) != 0) {
                throw corrupt("a record begins with its header and is stored", "such a header", "other bytes", at);
            }
            int nameBytes = bytes.getShort(at + 26) & 0xFFFF;
            int start = at + LOCAL_BYTES + nameBytes + (bytes.getShort(at + 28) & 0xFFFF);
            requireRoom(at, start - at);
            String name = new String(bytes.array(), at + LOCAL_BYTES, nameBytes, StandardCharsets.UTF_8);
            String tail = name.substring(name.indexOf('/') + 1);
            if (tail.startsWith("data/")) {
                place(tail.substring("data/".length()), start);
                return;
            }
            at = readRecord(tail, at, start);
        }
    }

    /** Reads a record; where the next one begins. */
    private int readRecord(String name, int header, int start) throws IOException {
        boolean behind = (bytes.getShort(header + 6) & LENGTH_BEHIND) != 0;
        long size = behind ? -1 : bytes.getInt(header + 22) & 0xFFFFFFFFL;
        if (name.equals("data.pkl")) {
            tree = new PickleTree(new PickleBytes(lease, name, start, bytes.capacity() - start), null, true, arena);
            Unpickler.read(tree);
            if (!behind && size != tree.endOffset()) {
                throw corrupt("a pickle ends with its STOP", size, tree.endOffset(), start);
            }
            size = tree.endOffset();
        } else if (behind) {
            size = findSize(start);
        }
        requireRoom(start, size + (behind ? LENGTH_BYTES : 0));
        if (behind && !isLength(start + (int) size, size)) {
            throw corrupt("the length of a record stands behind it", size, "other bytes", start);
        }
        if (name.equals("byteorder")) {
            String order =
                    new String(bytes.array(), start, (int) Math.min(size, 16), StandardCharsets.ISO_8859_1).strip();
            if (!order.equals("little") && !order.equals("big")) {
                throw corrupt("record byteorder is little or big", "little or big", order, start);
            }
            bigEndian = order.equals("big");
        }
        return start + (int) size + (behind ? LENGTH_BYTES : 0);
    }

    private long findSize(int start) throws IOException {
        for (int size = 0; size <= MAX_SMALL_BYTES; size++) {
            requireRoom(start, size + LENGTH_BYTES);
            if (isLength(start + size, size)) {
                return size;
            }
        }
        throw corrupt("records before the elements are short", "at most " + MAX_SMALL_BYTES, "more", start);
    }

    private boolean isLength(int at, long size) {
        return bytes.getInt(at) == LENGTH_SIGNATURE && bytes.getInt(at + 8) == size && bytes.getInt(at + 12) == size;
    }

    private void place(String key, int start) throws IOException {
        if (tree == null) {
            throw corrupt("a pickle comes before the elements", "data.pkl", "none", start);
        }
        int storage = tree.storages().find(key);
        if (storage < 0) {
            throw corrupt("a record of elements is a storage of the pickle", "a key of it", key, start);
        }
        tree.storages().place(storage, start);
        tree.storages().checkPlaced(tree.bytes());
    }

    private void requireRoom(int at, long count) throws IOException {
        if (count > bytes.capacity() - (long) at) {
            throw new FormatException.Truncated(
                    "the records before the elements are there",
                    at + count + " bytes",
                    bytes.capacity(),
                    new Place(lease.file().toString(), "archive head", at));
        }
    }

    private FormatException corrupt(String rule, Object expected, Object actual, int at) {
        return new FormatException.Corrupt(
                rule, expected, actual, new Place(lease.file().toString(), "archive head", at));
    }
}
