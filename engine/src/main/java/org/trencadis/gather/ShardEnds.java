package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.CRC32C;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardHeader;
import org.trencadis.format.ShardTrailer;
import org.trencadis.storage.FileLease;

/** What header and trailer of a shard say of it, checked when the shard is opened. */
final class ShardEnds {
    static final int HEADER_BYTES = ShardHeader.LAYOUT.sizeBytes();
    private static final int TRAILER_BYTES = ShardTrailer.LAYOUT.sizeBytes();

    private final FileLease lease;
    private final String resource;
    private final ShardBytes bytes;
    private byte[] id;
    private long tableOffset;
    private int chunkCount;

    private ShardEnds(FileLease lease) {
        this.lease = lease;
        this.resource = lease.file().toString();
        this.bytes = new ShardBytes(lease);
    }

    /** Reads and checks both. */
    static ShardEnds read(FileLease lease) throws IOException {
        ShardEnds ends = new ShardEnds(lease);
        if (lease.sizeBytes() < HEADER_BYTES + TRAILER_BYTES) {
            throw new Truncated(
                    "a shard holds a header and a trailer",
                    HEADER_BYTES + TRAILER_BYTES,
                    lease.sizeBytes(),
                    new Place(ends.resource, "shard", 0));
        }
        ends.checkHeader();
        ends.readTrailer();
        return ends;
    }

    private void checkHeader() throws IOException {
        MemorySegment header = bytes.copy(0, HEADER_BYTES);
        long magic = ShardHeader.MAGIC_FIELD.get(header, 0);
        if (magic != ShardHeader.MAGIC) {
            throw new Unsupported(
                    "a shard starts with its magic",
                    Long.toHexString(ShardHeader.MAGIC),
                    Long.toHexString(magic),
                    new Place(resource, "header", 0));
        }
        int crcOffset = ShardHeader.HEADER_CRC.offsetBytes();
        bytes.checkCrc("header", 0, crc(header, crcOffset), ShardHeader.HEADER_CRC.getInt(header, 0));
        checkKnown("the format version is known", ShardHeader.VERSION.get(header, 0), FormatLimits.VERSION, 8);
        checkKnown("required features are known", ShardHeader.REQUIRED.get(header, 0), 0, 16);
        ShardHeader.LAYOUT.check(header, 0, name -> lease.sizeBytes(), resource, 0);
    }

    private void checkKnown(String rule, long actual, long expected, long offset) throws Unsupported {
        if (actual != expected) {
            throw new Unsupported(rule, expected, Long.toUnsignedString(actual), new Place(resource, "header", offset));
        }
    }

    private void readTrailer() throws IOException {
        long at = lease.sizeBytes() - TRAILER_BYTES;
        MemorySegment trailer = bytes.copy(at, TRAILER_BYTES);
        long magic = ShardTrailer.MAGIC_FIELD.get(trailer, 0);
        long declared = ShardTrailer.FILE_BYTES.get(trailer, 0);
        if (magic != ShardTrailer.MAGIC && declared != lease.sizeBytes()) {
            throw new Truncated(
                    "a shard ends with its trailer",
                    Long.toHexString(ShardTrailer.MAGIC),
                    Long.toHexString(magic),
                    new Place(resource, "trailer", at));
        }
        int crcOffset = ShardTrailer.TRAILER_CRC.offsetBytes();
        bytes.checkCrc("trailer", at, crc(trailer, crcOffset), ShardTrailer.TRAILER_CRC.getInt(trailer, 0));
        ShardTrailer.LAYOUT.check(trailer, 0, name -> lease.sizeBytes(), resource, at);
        tableOffset = ShardTrailer.TABLE_OFFSET.get(trailer, 0);
        long chunks = ShardTrailer.CHUNK_COUNT.get(trailer, 0);
        long expected = ShardTrailer.fileBytes(tableOffset, chunks);
        int tableField = ShardTrailer.TABLE_OFFSET.offsetBytes();
        checkTrailer("payload, table, column and trailer fill the shard", tableField, lease.sizeBytes(), expected, at);
        int bytesField = ShardTrailer.FILE_BYTES.offsetBytes();
        checkTrailer("a shard has the length its trailer declares", bytesField, lease.sizeBytes(), declared, at);
        chunkCount = (int) chunks;
        long columnEnd = ShardTrailer.columnOffset(tableOffset, chunks) + 4 * chunks;
        bytes.checkZeros("the gap before the trailer is zero", columnEnd, at);
        id = ShardTrailer.ID.get(trailer, 0);
        long fanOut = ShardTrailer.fanOutOffset(tableOffset, chunkCount);
        int columnCrc = bytes.crc(fanOut, 4L * ShardTrailer.FAN_OUT_ENTRIES + 4L * chunkCount);
        bytes.checkCrc("fan-out and column", fanOut, columnCrc, ShardTrailer.COLUMN_CRC.getInt(trailer, 0));
    }

    private void checkTrailer(String rule, int field, long expected, long actual, long at) throws Corrupt {
        if (actual != expected) {
            throw ShardTrailer.LAYOUT.fault(field, at, rule, expected, actual, resource);
        }
    }

    private static int crc(MemorySegment record, int bytes) {
        CRC32C crc = new CRC32C();
        crc.update(record.toArray(ValueLayout.JAVA_BYTE), 0, bytes);
        return (int) crc.getValue();
    }

    /** SHA-256 of the chunk table, as the trailer has it. */
    byte[] id() {
        return id;
    }

    /** Where the chunk table starts: the end of the payload. */
    long tableOffset() {
        return tableOffset;
    }

    int chunkCount() {
        return chunkCount;
    }
}
