package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;

/** The CRC32C of header, page directory and pages of an index. */
final class PageChecks {
    private PageChecks() {}

    /** Checks a range that {@code section} names against its CRC32C. */
    static void check(String resource, String section, MemorySegment segment, long from, long bytes, int declared)
            throws Corrupt {
        int actual = crc(segment, from, bytes);
        if (actual != declared) {
            throw new Corrupt(
                    "CRC32C of " + section,
                    Integer.toHexString(declared),
                    Integer.toHexString(actual),
                    new Place(resource, section, from));
        }
    }

    /** CRC32C of a range, through a private buffer: an intrinsic over a mapping whose file shrinks kills the JVM. */
    static int crc(MemorySegment segment, long from, long bytes) {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[(int) Math.min(bytes, FormatLimits.PAGE_BYTES)];
        for (long done = 0; done < bytes; done += buffer.length) {
            int step = (int) Math.min(buffer.length, bytes - done);
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, from + done, buffer, 0, step);
            crc.update(ByteBuffer.wrap(buffer, 0, step));
        }
        return (int) crc.getValue();
    }
}
