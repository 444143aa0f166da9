package org.trencadis.container;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatHeader;
import org.trencadis.format.FormatLimits;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.OutputFile;

/** The FORMAT file, which makes a directory a container and tells one container from another. */
final class FormatFile {
    static final String NAME = "FORMAT";
    private static final int BYTES = FormatHeader.LAYOUT.sizeBytes();

    private FormatFile() {}

    /** Writes a new FORMAT file with a new identity. */
    static void write(Path file) throws IOException {
        byte[] record = new byte[BYTES];
        MemorySegment segment = MemorySegment.ofArray(record);
        UUID uuid = UUID.randomUUID();
        byte[] id = ByteBuffer.allocate(16)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits())
                .array();
        FormatHeader.MAGIC_FIELD.set(segment, 0, FormatHeader.MAGIC);
        FormatHeader.VERSION.set(segment, 0, FormatLimits.VERSION);
        FormatHeader.HEADER_BYTES.set(segment, 0, BYTES);
        FormatHeader.UUID.set(segment, 0, id);
        FormatHeader.HASH.set(segment, 0, 1);
        FormatHeader.HEADER_CRC.set(segment, 0, Integer.toUnsignedLong(crc(segment)));
        try (OutputFile out = OutputFile.create(file, 0)) {
            out.write(ByteBuffer.wrap(record), 0);
            out.commit(BYTES);
        }
    }

    /** Whether {@code file} starts with our magic, whatever follows. */
    static boolean hasMagic(Path file, FileCache cache) throws IOException {
        try (FileLease lease = cache.lease(file)) {
            MemorySegment magic = MemorySegment.ofArray(new byte[8]);
            if (lease.sizeBytes() < magic.byteSize()) {
                return false;
            }
            lease.read(0, magic, 0, magic.byteSize());
            return FormatHeader.MAGIC_FIELD.get(magic, 0) == FormatHeader.MAGIC;
        }
    }

    /** Reads and checks the file; returns the container's identity. */
    static byte[] read(Path file, FileCache cache) throws IOException {
        MemorySegment record = MemorySegment.ofArray(new byte[BYTES]);
        String resource = file.toString();
        long size;
        try (FileLease lease = cache.lease(file)) {
            size = lease.sizeBytes();
            if (size < BYTES) {
                throw new Truncated("a FORMAT file is one record", BYTES, size, new Place(resource, "header", 0));
            }
            lease.read(0, record, 0, BYTES);
        }
        long magic = FormatHeader.MAGIC_FIELD.get(record, 0);
        checkKnown("a FORMAT file starts with its magic", resource, 0, magic, FormatHeader.MAGIC);
        int declared = FormatHeader.HEADER_CRC.getInt(record, 0);
        if (declared != crc(record)) {
            throw new Corrupt(
                    "CRC32C of header",
                    Integer.toHexString(declared),
                    Integer.toHexString(crc(record)),
                    new Place(resource, "header", 0));
        }
        long version = FormatHeader.VERSION.get(record, 0);
        checkKnown(
                "the format version is known",
                resource,
                FormatHeader.VERSION.offsetBytes(),
                version,
                FormatLimits.VERSION);
        long required = FormatHeader.REQUIRED.get(record, 0);
        checkKnown("required features are known", resource, FormatHeader.REQUIRED.offsetBytes(), required, 0);
        FormatHeader.LAYOUT.check(record, 0, name -> size, resource, 0);
        if (size != BYTES) {
            throw new Corrupt("a FORMAT file is one record", BYTES, size, new Place(resource, "header", BYTES));
        }
        return FormatHeader.UUID.get(record, 0);
    }

    private static void checkKnown(String rule, String resource, long offset, long actual, long expected)
            throws Unsupported {
        if (actual != expected) {
            throw new Unsupported(
                    rule, Long.toHexString(expected), Long.toHexString(actual), new Place(resource, "header", offset));
        }
    }

    private static int crc(MemorySegment record) {
        CRC32C crc = new CRC32C();
        crc.update(record.toArray(ValueLayout.JAVA_BYTE), 0, FormatHeader.HEADER_CRC.offsetBytes());
        return (int) crc.getValue();
    }
}
