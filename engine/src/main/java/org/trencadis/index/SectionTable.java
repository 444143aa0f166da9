package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Section;
import org.trencadis.format.SectionEntry;

/** Reads the section table of an index file, and checks that its sections fill the body in their order. */
final class SectionTable {
    private SectionTable() {}

    /** Places the sections of {@code image}, whose body takes {@code bodyBytes}. */
    static void read(IndexImage image, long bodyBytes) throws Corrupt {
        String resource = image.resource();
        MemorySegment segment = image.segment();
        long table = ImageLengths.tableOffset(segment.byteSize());
        long end = 0;
        for (Section section : Section.values()) {
            long entry = table + (long) section.ordinal() * SectionEntry.LAYOUT.sizeBytes();
            SectionEntry.LAYOUT.check(segment, entry, name -> bodyBytes, resource, entry);
            checkEntry(
                    SectionEntry.SECTION.offsetBytes(),
                    entry,
                    SectionEntry.SECTION.get(segment, entry),
                    section.code(),
                    resource);
            checkEntry(
                    SectionEntry.ENTRY_BYTES.offsetBytes(),
                    entry,
                    SectionEntry.ENTRY_BYTES.get(segment, entry),
                    section.entryBytes(),
                    resource);
            long offset = SectionEntry.OFFSET_BYTES.get(segment, entry);
            checkEntry(SectionEntry.OFFSET_BYTES.offsetBytes(), entry, offset, ImageLengths.aligned(end), resource);
            long count = SectionEntry.ENTRY_COUNT.get(segment, entry);
            if (count > (bodyBytes - offset) / section.entryBytes()) {
                throw SectionEntry.LAYOUT.fault(
                        SectionEntry.ENTRY_COUNT.offsetBytes(),
                        entry,
                        "a section lies in the body",
                        "at most " + (bodyBytes - offset) / section.entryBytes(),
                        count,
                        resource);
            }
            image.place(section, offset, count);
            end = offset + count * section.entryBytes();
        }
        if (ImageLengths.aligned(end) != bodyBytes) {
            throw new Corrupt(
                    "sections fill the body",
                    bodyBytes,
                    ImageLengths.aligned(end),
                    new Place(resource, "section table", table));
        }
    }

    private static void checkEntry(int field, long entry, long actual, long expected, String resource) throws Corrupt {
        if (actual != expected) {
            throw SectionEntry.LAYOUT.fault(
                    field, entry, "sections follow each other as the format lists them", expected, actual, resource);
        }
    }
}
