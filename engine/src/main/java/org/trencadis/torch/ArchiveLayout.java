package org.trencadis.torch;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;

/**
 * The zip structures around a pickle and its storages, as torch's writer lays them out: local headers without sizes, padded
 * so that contents start at multiples of 64 bytes, data descriptors, a central directory and both kinds of end record.
 *
 * <p>Newer versions of torch compute where a storage lies instead of looking it up, so nothing here may differ.
 */
final class ArchiveLayout {
    private static final int ALIGNMENT_BYTES = 64;
    private static final long LIMIT_32 = 0xFFFF_FFFFL;
    private static final int LOCAL_HEADER = 0x04034B50;
    private static final int DESCRIPTOR = 0x08074B50;
    private static final int CENTRAL_HEADER = 0x02014B50;
    private static final int END_64 = 0x06064B50;
    private static final int END_64_LOCATOR = 0x07064B50;
    private static final int END = 0x06054B50;
    private static final int UTF_8_NAMES = 1 << 11;
    private static final int SIZES_FOLLOW = 1 << 3;
    private static final int ZIP64_FIELD = 1;
    private static final int VERSION_MADE_BY = 0x031E;
    private static final int VERSION_ZIP64 = 45;
    private static final int END_64_BYTES = 44;

    final long[] starts;
    final int[] fixedBefore;
    final int[] checksumAt;

    private final String name;
    private final Bytes fixed = new Bytes();
    private final Bytes central = new Bytes();
    /** Bytes of the storages laid out so far; with the fixed bytes, the position in the file. */
    private long storageBytes;

    private int entries;

    ArchiveLayout(String name, byte[] pickle, List<Pickler.Storage> storages) {
        this.name = name;
        this.starts = new long[storages.size()];
        this.fixedBefore = new int[storages.size()];
        this.checksumAt = new int[2 * storages.size()];
        entry("data.pkl", pickle);
        entry(".format_version", ascii("1"));
        entry(".storage_alignment", ascii(Integer.toString(ALIGNMENT_BYTES)));
        entry("byteorder", ascii("little"));
        for (int i = 0; i < storages.size(); i++) {
            storage(i, storages.get(i).bytes());
        }
        entry("version", ascii("3\n"));
        entry(".data/serialization_id", ascii(serializationId(pickle)));
        end();
    }

    byte[] fixed() {
        return fixed.toByteArray();
    }

    long sizeBytes() {
        return fixed.size() + storageBytes;
    }

    private long position() {
        return fixed.size() + storageBytes;
    }

    /** Torch makes these 40 digits of a hash of the names and of a checksum over everything; here it is the pickle's. */
    private String serializationId(byte[] pickle) {
        CRC32 crc = new CRC32();
        crc.update(pickle);
        return String.format(Locale.ROOT, "%020d%020d", position(), crc.getValue());
    }

    private void entry(String entry, byte[] content) {
        CRC32 crc = new CRC32();
        crc.update(content);
        long header = position();
        byte[] path = header(entry, content.length);
        fixed.writeBytes(content);
        descriptor((int) crc.getValue(), content.length, header);
        central(path, (int) crc.getValue(), content.length, header);
    }

    private void storage(int number, long bytes) {
        long header = position();
        byte[] path = header("data/" + number, bytes);
        starts[number] = position();
        fixedBefore[number] = fixed.size();
        storageBytes += bytes;
        checksumAt[2 * number] = fixed.size() + 4;
        descriptor(0, bytes, header);
        // relative to the central directory until that is placed
        checksumAt[2 * number + 1] = central.size() + 16;
        central(path, 0, bytes, header);
    }

    private static boolean isLarge(long number) {
        return number >= LIMIT_32;
    }

    private byte[] header(String entry, long bytes) {
        long header = position();
        byte[] path = (name + "/" + entry).getBytes(StandardCharsets.UTF_8);
        byte[] zip64 = zip64Field(bytes, header);
        long content = header + 30 + path.length + zip64.length + 4;
        int padding = (int) (-content & ALIGNMENT_BYTES - 1);
        fixed.number(LOCAL_HEADER, 4);
        fixed.number(0, 2);
        fixed.number(flags(bytes), 2);
        fixed.number(0, 2 + 2 + 2 + 4 + 4 + 4);
        fixed.number(path.length, 2);
        fixed.number(zip64.length + 4 + padding, 2);
        fixed.writeBytes(path);
        fixed.writeBytes(zip64);
        fixed.writeBytes(ascii("FB"));
        fixed.number(padding, 2);
        fixed.writeBytes(ascii("Z".repeat(padding)));
        return path;
    }

    private static int flags(long bytes) {
        return bytes > 0 ? UTF_8_NAMES | SIZES_FOLLOW : UTF_8_NAMES;
    }

    private static byte[] zip64Field(long bytes, long header) {
        Bytes field = new Bytes();
        if (isLarge(bytes) || isLarge(header)) {
            field.number(ZIP64_FIELD, 2);
            field.number((isLarge(bytes) ? 16 : 0) + (isLarge(header) ? 8 : 0), 2);
            if (isLarge(bytes)) {
                field.number(bytes, 8);
                field.number(bytes, 8);
            }
            if (isLarge(header)) {
                field.number(header, 8);
            }
        }
        return field.toByteArray();
    }

    private void descriptor(int crc, long bytes, long header) {
        if (bytes == 0) {
            return;
        }
        int width = isLarge(bytes) || isLarge(header) ? 8 : 4;
        fixed.number(DESCRIPTOR, 4);
        fixed.number(crc, 4);
        fixed.number(bytes, width);
        fixed.number(bytes, width);
    }

    private void central(byte[] path, int crc, long bytes, long header) {
        byte[] zip64 = zip64Field(bytes, header);
        central.number(CENTRAL_HEADER, 4);
        central.number(0, 2 + 2);
        central.number(flags(bytes), 2);
        central.number(0, 2 + 2 + 2);
        central.number(crc, 4);
        central.number(Math.min(bytes, LIMIT_32), 4);
        central.number(Math.min(bytes, LIMIT_32), 4);
        central.number(path.length, 2);
        central.number(zip64.length, 2);
        central.number(0, 2 + 2 + 2 + 4);
        central.number(Math.min(header, LIMIT_32), 4);
        central.writeBytes(path);
        central.writeBytes(zip64);
        entries++;
    }

    private void end() {
        long directory = position();
        for (int i = 1; i < checksumAt.length; i += 2) {
            checksumAt[i] += fixed.size();
        }
        fixed.writeBytes(central.toByteArray());
        long end64 = position();
        fixed.number(END_64, 4);
        fixed.number(END_64_BYTES, 8);
        fixed.number(VERSION_MADE_BY, 2);
        fixed.number(VERSION_ZIP64, 2);
        fixed.number(0, 4 + 4);
        fixed.number(entries, 8);
        fixed.number(entries, 8);
        fixed.number(central.size(), 8);
        fixed.number(directory, 8);
        fixed.number(END_64_LOCATOR, 4);
        fixed.number(0, 4);
        fixed.number(end64, 8);
        fixed.number(1, 4);
        fixed.number(END, 4);
        fixed.number(0, 2 + 2);
        fixed.number(Math.min(entries, 0xFFFF), 2);
        fixed.number(Math.min(entries, 0xFFFF), 2);
        fixed.number(Math.min(central.size(), LIMIT_32), 4);
        fixed.number(Math.min(directory, LIMIT_32), 4);
        fixed.number(0, 2);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Bytes and little-endian numbers behind each other. */
    private static final class Bytes extends ByteArrayOutputStream {
        void number(long value, int bytes) {
            for (int i = 0; i < bytes; i++) {
                write((int) (i < 8 ? value >>> 8 * i : 0));
            }
        }
    }
}
