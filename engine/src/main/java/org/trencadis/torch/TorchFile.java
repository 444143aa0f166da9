package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.FileStamp;

/**
 * A file written by {@code torch.save}: its pickled values as an inert tree, its tensors as places in the file.
 *
 * <p>Several threads may read one open file.
 */
public final class TorchFile implements AutoCloseable {
    private static final int ZIP_SIGNATURE = 0x04034b50;
    private static final int MAX_ARCHIVE_VERSION = 10;

    private final FileLease lease;
    private final Arena arena;
    private final PickleTree tree;
    private final boolean bigEndian;
    private final DictionaryIndexes indexes;

    private TorchFile(FileLease lease, Arena arena, PickleTree tree, boolean bigEndian) {
        this.lease = lease;
        this.arena = arena;
        this.tree = tree;
        this.bigEndian = bigEndian;
        this.indexes = new DictionaryIndexes(tree, arena);
    }

    /** What is made of a file's bytes while its lease and arena are open. */
    @FunctionalInterface
    private interface Reader {
        TorchFile read(FileLease lease, Arena arena) throws IOException;
    }

    /** Opens {@code file}; reads its directory and its pickle, never tensor bytes. */
    public static TorchFile open(Path file, FileCache cache) throws IOException {
        return open(file, cache, (lease, arena) -> {
            // A record's own header stands before its bytes: a few bytes here and there in a large file.
            lease.expectScattered(true);
            return read(lease, 0, lease.sizeBytes(), arena);
        });
    }

    /** Opens what {@code torch.save} wrote into a part of a file, as an item of a {@code .distcp} file. */
    public static TorchFile openRange(Path file, long offsetBytes, long lengthBytes, FileCache cache)
            throws IOException {
        return open(file, cache, (lease, arena) -> {
            if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > lease.sizeBytes() - lengthBytes) {
                throw new FormatException.Truncated(
                        "an item lies in its file",
                        offsetBytes + " + " + lengthBytes,
                        lease.sizeBytes() + " bytes",
                        new Place(file.toString(), "item", offsetBytes));
            }
            return read(lease, offsetBytes, lengthBytes, arena);
        });
    }

    /** Opens what {@code torch.save} wrote and a lease holds, which is closed with the file. */
    public static TorchFile open(FileLease lease) throws IOException {
        return open(lease, (held, arena) -> read(held, 0, held.sizeBytes(), arena));
    }

    /**
     * Opens the first bytes of an archive that {@code torch.save} wrote of one tensor: its pickle, and the place where the
     * elements begin, which lie beyond the bytes that are there.
     */
    public static TorchFile openHead(FileLease lease) throws IOException {
        return open(lease, (held, arena) -> {
            ArchiveHead head = ArchiveHead.read(held, arena);
            return new TorchFile(held, arena, head.tree(), head.bigEndian());
        });
    }

    /** Opens a file that is a pickle without an archive, as {@code .metadata}; it has no tensors. */
    public static TorchFile openPickle(Path file, FileCache cache) throws IOException {
        return open(file, cache, (lease, arena) -> {
            PickleBytes bytes = new PickleBytes(lease, "pickle", 0, lease.sizeBytes());
            PickleTree tree = new PickleTree(bytes, null, false, arena);
            Unpickler.read(tree);
            checkEnds(tree);
            return new TorchFile(lease, arena, tree, false);
        });
    }

    private static TorchFile open(Path file, FileCache cache, Reader reader) throws IOException {
        return open(cache.lease(file), reader);
    }

    private static TorchFile open(FileLease lease, Reader reader) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            return reader.read(lease, arena);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            lease.close();
            throw e;
        }
    }

    private static TorchFile read(FileLease lease, long start, long length, Arena arena) throws IOException {
        byte[] head = new byte[(int) Math.min(length, LegacyStream.MAGIC_BYTES)];
        lease.read(start, MemorySegment.ofArray(head), 0, head.length);
        if (LegacyStream.isMagic(head)) {
            return new TorchFile(lease, arena, new LegacyStream(lease, start, length).read(arena), false);
        }
        boolean isZip = head.length >= 4
                && ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getInt(0) == ZIP_SIGNATURE;
        if (!isZip) {
            throw new FormatException.Unsupported(
                    "a torch file is a zip archive or begins with torch's magic number",
                    "either",
                    head.length == 0 ? "an empty file" : "other bytes",
                    new Place(lease.file().toString(), "head", start));
        }
        return readArchive(lease, start, length, arena);
    }

    private static TorchFile readArchive(FileLease lease, long start, long length, Arena arena) throws IOException {
        ZipArchive archive = ZipArchive.open(lease, start, length, arena);
        long entry = archive.find("data.pkl");
        Place place = new Place(lease.file().toString(), "zip directory", start);
        if (entry < 0) {
            throw new FormatException.Corrupt("a torch archive has a record data.pkl", "data.pkl", "none", place);
        }
        checkVersion(archive, place);
        boolean bigEndian = isBigEndian(archive, place);
        PickleBytes bytes = new PickleBytes(lease, "data.pkl", archive.offsetBytes(entry), archive.sizeBytes(entry));
        PickleTree tree = new PickleTree(bytes, archive, false, arena);
        Unpickler.read(tree);
        checkEnds(tree);
        return new TorchFile(lease, arena, tree, bigEndian);
    }

    private static void checkVersion(ZipArchive archive, Place place) throws IOException {
        byte[] version = archive.findBytes("version", 64);
        if (version == null) {
            return;
        }
        String text = new String(version, StandardCharsets.ISO_8859_1).strip();
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) > MAX_ARCHIVE_VERSION) {
            throw new FormatException.Unsupported(
                    "a known version of torch's archive", "1 to " + MAX_ARCHIVE_VERSION, text, place);
        }
    }

    private static boolean isBigEndian(ZipArchive archive, Place place) throws IOException {
        byte[] order = archive.findBytes("byteorder", 64);
        String text = order == null ? "little" : new String(order, StandardCharsets.ISO_8859_1).strip();
        if (!text.equals("little") && !text.equals("big")) {
            throw new FormatException.Corrupt("record byteorder is little or big", "little or big", text, place);
        }
        return text.equals("big");
    }

    private static void checkEnds(PickleTree tree) throws IOException {
        if (tree.endOffset() != tree.bytes().length()) {
            throw tree.bytes()
                    .corrupt(
                            "a pickle ends with its STOP",
                            tree.endOffset() + " bytes",
                            tree.bytes().length(),
                            tree.endOffset());
        }
    }

    /** The pickled value. Valid until this file is closed. */
    public Node root() {
        return Node.root(this);
    }

    public Path file() {
        return lease.file();
    }

    /** What the file system said when it was opened. */
    public FileStamp stamp() {
        return lease.stamp();
    }

    /** Whether the elements of its tensors are big-endian. */
    public boolean isBigEndian() {
        return bigEndian;
    }

    PickleTree tree() {
        return tree;
    }

    FileLease lease() {
        return lease;
    }

    DictionaryIndexes indexes() {
        return indexes;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
            lease.close();
        }
    }
}
