package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/**
 * The form of {@code torch.save} before 1.6: the pickles of a magic number, a protocol, facts about the writing system,
 * the object and its storage keys, then each storage as an 8-byte count and its elements.
 *
 * <p>Torch writes counts and elements little-endian here on every machine, whatever the facts about the system say.
 */
final class LegacyStream {
    private static final byte[] MAGIC = HexFormat.of().parseHex("8a0a6cfc9c46f9206aa85019");
    static final int MAGIC_BYTES = 2 + 12;
    private static final long PROTOCOL = 1001;

    private final FileLease lease;
    private final long end;
    private long at;

    LegacyStream(FileLease lease, long start, long length) {
        this.lease = lease;
        this.at = start;
        this.end = start + length;
    }

    /** Whether the first bytes of a file are the pickled magic number, in protocol 2 or later. */
    static boolean isMagic(byte[] head) {
        return head.length == MAGIC_BYTES
                && (head[0] & 0xFF) == Opcode.PROTO
                && Arrays.equals(head, 2, MAGIC_BYTES, MAGIC, 0, MAGIC.length);
    }

    PickleTree read(Arena arena) throws IOException {
        try (Arena scratch = Arena.ofConfined()) {
            next("magic number", false, scratch);
            PickleTree protocol = next("protocol", false, scratch);
            if (protocol.root() != Word.of(Word.INT, PROTOCOL)) {
                throw new FormatException.Unsupported(
                        "the protocol of torch's old format",
                        PROTOCOL,
                        "another",
                        protocol.bytes().place(0));
            }
            next("system", false, scratch);
            PickleTree tree = next("object", true, arena);
            placeStorages(tree, next("storage keys", false, scratch));
            return tree;
        }
    }

    private PickleTree next(String section, boolean hasStorages, Arena arena) throws IOException {
        PickleTree tree = new PickleTree(new PickleBytes(lease, section, at, end - at), null, hasStorages, arena);
        Unpickler.read(tree);
        at += tree.endOffset();
        return tree;
    }

    private void placeStorages(PickleTree tree, PickleTree keyTree) throws IOException {
        long keys = keyTree.root();
        if (Word.tag(keys) != Word.LIST) {
            throw keyTree.bytes().corrupt("storage keys are a list", "list", "another value", 0);
        }
        Storages storages = tree.storages();
        int count = keyTree.count(keys);
        for (int i = 0; i < count; i++) {
            long word = keyTree.item(keys, i);
            String key = Word.tag(word) == Word.TEXT ? keyTree.symbols().text((int) Word.payload(word)) : null;
            int storage = key == null ? -1 : storages.find(key);
            if (storage < 0 || storages.offsetBytes(storage) != Storages.NOWHERE) {
                throw keyTree.bytes()
                        .corrupt("each storage key is one of the object's, once", "a storage of the object", key, 0);
            }
            placeNext(storages, storage, key);
        }
        storages.checkPlaced(tree.bytes());
        if (at != end) {
            throw new FormatException.Unsupported(
                    "a file holds one object of torch.save", "the end", end - at + " bytes more", place("storages"));
        }
    }

    private void placeNext(Storages storages, int storage, String key) throws IOException {
        if (end - at < Long.BYTES) {
            throw new FormatException.Truncated("a storage has its count", "8 bytes", end - at, place("storages"));
        }
        byte[] bytes = new byte[Long.BYTES];
        lease.read(at, MemorySegment.ofArray(bytes), 0, bytes.length);
        long count = 0;
        for (int i = 0; i < bytes.length; i++) {
            count = count << 8 | bytes[bytes.length - 1 - i] & 0xFF;
        }
        if (count != storages.elements(storage)) {
            throw new FormatException.Corrupt(
                    "a storage has as many elements as its id says",
                    storages.elements(storage),
                    count + " for key " + key,
                    place("storages"));
        }
        at += Long.BYTES;
        int size = storages.type(storage).elementBytes();
        if (count > (end - at) / size) {
            throw new FormatException.Truncated(
                    "a storage lies in the file", count + " x " + size + " bytes", end - at, place("storage " + key));
        }
        storages.place(storage, at);
        at += count * size;
    }

    private Place place(String section) {
        return new Place(lease.file().toString(), section, at);
    }
}
