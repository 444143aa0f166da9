package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.Section;
import org.trencadis.format.SectionEntry;

/** Makes an index file of an image that was built: writes page directory, section table and header around its body. */
final class ImageSeal {
    private static final int HEADER_BYTES = ImageLengths.HEADER_BYTES;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final IndexImage image;
    private final MemorySegment segment;
    private final long bodyBytes;

    ImageSeal(IndexImage image, long bodyBytes) {
        this.image = image;
        this.segment = image.segment();
        this.bodyBytes = bodyBytes;
    }

    void write() {
        writeDirectory();
        writeTable();
        // The header holds the CRC32C of what comes behind the body.
        writeHeader();
    }

    private void writeDirectory() {
        long directory = HEADER_BYTES + bodyBytes;
        for (int page = 0; page < ImageLengths.pages(bodyBytes); page++) {
            long from = (long) page * FormatLimits.PAGE_BYTES;
            long bytes = ImageLengths.pageBytes(page, bodyBytes);
            segment.set(INT, directory + 4L * page, PageChecks.crc(segment, HEADER_BYTES + from, bytes));
        }
    }

    private void writeTable() {
        long table = ImageLengths.tableOffset(segment.byteSize());
        for (Section section : Section.values()) {
            long entry = table + (long) section.ordinal() * SectionEntry.LAYOUT.sizeBytes();
            SectionEntry.SECTION.set(segment, entry, section.code());
            SectionEntry.ENTRY_BYTES.set(segment, entry, section.entryBytes());
            SectionEntry.OFFSET_BYTES.set(segment, entry, image.offset(section) - HEADER_BYTES);
            SectionEntry.ENTRY_COUNT.set(segment, entry, image.count(section));
        }
    }

    private void writeHeader() {
        IndexHeader.MAGIC_FIELD.set(segment, 0, IndexHeader.MAGIC);
        IndexHeader.VERSION.set(segment, 0, FormatLimits.VERSION);
        IndexHeader.HEADER_BYTES.set(segment, 0, HEADER_BYTES);
        IndexHeader.FILE_BYTES.set(segment, 0, segment.byteSize());
        IndexHeader.BODY_BYTES.set(segment, 0, bodyBytes);
        IndexHeader.PAGE_COUNT.set(segment, 0, ImageLengths.pages(bodyBytes));
        IndexHeader.SECTION_COUNT.set(segment, 0, Section.values().length);
        long directory = HEADER_BYTES + bodyBytes;
        int directoryCrc = PageChecks.crc(segment, directory, segment.byteSize() - directory);
        IndexHeader.DIRECTORY_CRC.set(segment, 0, Integer.toUnsignedLong(directoryCrc));
        int headerCrc = PageChecks.crc(segment, 0, IndexHeader.HEADER_CRC.offsetBytes());
        IndexHeader.HEADER_CRC.set(segment, 0, Integer.toUnsignedLong(headerCrc));
    }
}
