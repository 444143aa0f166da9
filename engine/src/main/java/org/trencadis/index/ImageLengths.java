package org.trencadis.index;

import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.Section;
import org.trencadis.format.SectionEntry;

/** Where the parts of an index file lie: header, body of aligned sections, page directory, section table. */
final class ImageLengths {
    static final int HEADER_BYTES = IndexHeader.LAYOUT.sizeBytes();
    private static final long TABLE_BYTES = (long) Section.values().length * SectionEntry.LAYOUT.sizeBytes();

    private ImageLengths() {}

    /** Pages of a body of {@code bodyBytes}. */
    static long pages(long bodyBytes) {
        return (bodyBytes + FormatLimits.PAGE_BYTES - 1) / FormatLimits.PAGE_BYTES;
    }

    /** The length of a file whose sections take {@code bodyBytes}. */
    static long fileBytes(long bodyBytes) {
        long directory = HEADER_BYTES + bodyBytes;
        long table = (directory + 4 * pages(bodyBytes) + 7) / 8 * 8;
        return table + TABLE_BYTES;
    }

    /** The next multiple of the section alignment. */
    static long aligned(long offsetBytes) {
        return (offsetBytes + FormatLimits.SECTION_ALIGNMENT - 1)
                / FormatLimits.SECTION_ALIGNMENT
                * FormatLimits.SECTION_ALIGNMENT;
    }

    /** Bytes of page number {@code page} of the body: only the last one is not full. */
    static long pageBytes(long page, long bodyBytes) {
        return Math.min(FormatLimits.PAGE_BYTES, bodyBytes - page * FormatLimits.PAGE_BYTES);
    }

    /** Where the section table starts in a file of {@code fileBytes}. */
    static long tableOffset(long fileBytes) {
        return fileBytes - TABLE_BYTES;
    }
}
