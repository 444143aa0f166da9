package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;

/**
 * The storages that a pickle's persistent ids name: one per key, and one per view of the old format.
 *
 * <p>In an archive a storage is the record {@code data/<key>}; in the old stream the places follow behind the pickle.
 */
final class Storages {
    private static final int FIELDS = 4;
    private static final int HEAD = 0;
    private static final int ELEMENTS = 1;
    private static final int ENTRY = 2;
    private static final int VIEW_OFFSET = 3;
    /** Marks a storage whose place is not known yet. */
    static final long NOWHERE = -1;

    private final Symbols symbols;
    /** Null for a pickle that is not in an archive. */
    private final ZipArchive archive;

    private final boolean placedLater;
    private final LongColumn column;
    /** One more than the storage, by the symbol of its key. */
    private final LongColumn byKey;

    private int count;

    Storages(Symbols symbols, ZipArchive archive, boolean placedLater, long pickleBytes, Arena arena) {
        this.symbols = symbols;
        this.archive = archive;
        this.placedLater = placedLater;
        this.column = new LongColumn(arena, pickleBytes / 32);
        this.byKey = new LongColumn(arena, pickleBytes / 32);
    }

    /** The storage with the key of symbol {@code key}; its facts must be the same each time. */
    int storage(PickleInput in, int key, StorageType type, long elements) throws IOException {
        int known = (int) byKey.get(key) - 1;
        if (known >= 0) {
            if (type(known) != type || elements(known) != elements) {
                throw in.corrupt(
                        "a storage has one type and one length",
                        type(known) + " of " + elements(known),
                        type + " of " + elements + " under key " + symbols.text(key));
            }
            return known;
        }
        long entry = NOWHERE;
        if (archive != null) {
            String name = "data/" + symbols.text(key);
            entry = archive.find(name);
            if (entry < 0) {
                throw in.corrupt("a storage is a record of its archive", name, "no such record");
            }
            checkLength(in, name, archive.sizeBytes(entry), type, elements);
        } else if (!placedLater) {
            throw in.unsupported("a pickle outside an archive has no storages", "none", symbols.text(key));
        }
        int storage = add(key, type, elements, entry, 0);
        byKey.set(key, storage + 1L);
        return storage;
    }

    private static void checkLength(PickleInput in, String name, long actualBytes, StorageType type, long elements)
            throws IOException {
        long high = Math.multiplyHigh(elements, type.elementBytes());
        long expectedBytes = elements * type.elementBytes();
        if (high != 0 || expectedBytes != actualBytes) {
            throw in.corrupt(
                    "a storage's record is as long as the elements that its id counts",
                    elements + " x " + type.elementBytes() + " bytes",
                    name + " of " + actualBytes);
        }
    }

    /** Elements from {@code offset} of another storage, as the old format names them. */
    int view(PickleInput in, int root, long offset, long elements) throws IOException {
        if (offset < 0 || elements < 0 || offset > elements(root) - elements) {
            throw in.corrupt("a view of a storage lies in it", elements(root) + " elements", offset + " + " + elements);
        }
        return add(keySymbol(root), type(root), elements, root, offset);
    }

    private int add(int key, StorageType type, long elements, long entry, long viewOffset) {
        long at = (long) count * FIELDS;
        boolean isView = placedLater && entry != NOWHERE;
        column.set(at + HEAD, (long) key << 8 | (isView ? 0x80 : 0) | type.ordinal());
        column.set(at + ELEMENTS, elements);
        column.set(at + ENTRY, entry);
        column.set(at + VIEW_OFFSET, viewOffset);
        return count++;
    }

    int count() {
        return count;
    }

    /** The storage with this key, or -1. */
    int find(String key) throws IOException {
        int symbol = symbols.find(key);
        return symbol < 0 ? -1 : (int) byKey.get(symbol) - 1;
    }

    /** Says where a storage of the old stream lies. */
    void place(int storage, long offsetBytes) {
        column.set((long) storage * FIELDS + ENTRY, offsetBytes);
    }

    /** Checks that each storage of the old stream lies somewhere. */
    void checkPlaced(PickleBytes bytes) throws IOException {
        for (int storage = 0; storage < count; storage++) {
            if (offsetBytes(storage) == NOWHERE) {
                throw bytes.corrupt("each storage's key is listed", "key " + key(storage), "not listed", 0);
            }
        }
    }

    boolean isView(int storage) {
        return (field(storage, HEAD) & 0x80) != 0;
    }

    StorageType type(int storage) {
        return StorageType.of((int) field(storage, HEAD) & 0x7F);
    }

    long elements(int storage) {
        return field(storage, ELEMENTS);
    }

    /** Fits a long: an archive's lengths were compared, a stream's are when it is placed. */
    long sizeBytes(int storage) {
        return elements(storage) * type(storage).elementBytes();
    }

    /** Position in the file, or {@link #NOWHERE}. */
    long offsetBytes(int storage) throws IOException {
        long entry = field(storage, ENTRY);
        if (isView(storage)) {
            long root = field((int) entry, ENTRY);
            return root == NOWHERE
                    ? NOWHERE
                    : root + field(storage, VIEW_OFFSET) * type(storage).elementBytes();
        }
        return archive == null || entry == NOWHERE ? entry : archive.offsetBytes(entry);
    }

    String key(int storage) throws IOException {
        return symbols.text(keySymbol(storage));
    }

    private int keySymbol(int storage) {
        return (int) (field(storage, HEAD) >>> 8);
    }

    private long field(int storage, int field) {
        return column.get((long) storage * FIELDS + field);
    }
}
