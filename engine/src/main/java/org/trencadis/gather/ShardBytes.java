package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/** Bytes of a shard as its checks read them: from private copies, a step at a time. */
final class ShardBytes {
    private static final int STEP_BYTES = 1 << 18;

    private final FileLease lease;
    private final String resource;

    ShardBytes(FileLease lease) {
        this.lease = lease;
        this.resource = lease.file().toString();
    }

    /** A private copy. */
    MemorySegment copy(long from, int bytes) throws IOException {
        MemorySegment copy = MemorySegment.ofArray(new byte[bytes]);
        lease.read(from, copy, 0, bytes);
        return copy;
    }

    /** CRC32C of {@code bytes} bytes from {@code from}. */
    int crc(long from, long bytes) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] step = new byte[(int) Math.min(bytes, STEP_BYTES)];
        for (long done = 0; done < bytes; done += step.length) {
            int count = (int) Math.min(step.length, bytes - done);
            lease.read(from + done, MemorySegment.ofArray(step), 0, count);
            crc.update(step, 0, count);
        }
        return (int) crc.getValue();
    }

    /** Checks that the bytes between {@code from} and {@code end} are zero, as {@code rule} says. */
    void checkZeros(String rule, long from, long end) throws IOException {
        byte[] step = new byte[(int) Math.min(STEP_BYTES, end - from)];
        for (long done = from; done < end; done += step.length) {
            int count = (int) Math.min(step.length, end - done);
            lease.read(done, MemorySegment.ofArray(step), 0, count);
            for (int i = 0; i < count; i++) {
                if (step[i] != 0) {
                    throw new Corrupt(rule, 0, Byte.toUnsignedInt(step[i]), new Place(resource, "gap", done + i));
                }
            }
        }
    }

    /** Checks a CRC32C of the part that {@code section} names. */
    void checkCrc(String section, long offset, int actual, int declared) throws Corrupt {
        if (actual != declared) {
            throw new Corrupt(
                    "CRC32C of " + section,
                    Integer.toHexString(declared),
                    Integer.toHexString(actual),
                    new Place(resource, section, offset));
        }
    }
}
