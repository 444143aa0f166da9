package org.trencadis.index;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;
import org.trencadis.damage.Corruption;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.Section;
import org.trencadis.format.SectionEntry;

/** The bytes of an index file, taken apart without the reader that is tested. */
final class IndexFile {
    private static final int HEADER = IndexHeader.LAYOUT.sizeBytes();

    private final byte[] bytes;
    private final int bodyBytes;
    private final int pages;
    private final int table;

    IndexFile(byte[] bytes) {
        MemorySegment segment = MemorySegment.ofArray(bytes);
        this.bytes = bytes;
        this.bodyBytes = (int) IndexHeader.BODY_BYTES.get(segment, 0);
        this.pages = (int) IndexHeader.PAGE_COUNT.get(segment, 0);
        this.table = bytes.length - Section.values().length * SectionEntry.LAYOUT.sizeBytes();
    }

    int directoryOffset() {
        return HEADER + bodyBytes;
    }

    int tableOffset() {
        return table;
    }

    int pageOf(long offset) {
        return (int) ((offset - HEADER) / FormatLimits.PAGE_BYTES);
    }

    long offset(Section section) {
        return HEADER + SectionEntry.OFFSET_BYTES.get(MemorySegment.ofArray(bytes), entry(section));
    }

    long count(Section section) {
        return SectionEntry.ENTRY_COUNT.get(MemorySegment.ofArray(bytes), entry(section));
    }

    private int entry(Section section) {
        return table + (section.code() - 1) * SectionEntry.LAYOUT.sizeBytes();
    }

    /** Every edit of every record. */
    Corruption corruption() {
        Corruption corruption = new Corruption(bytes);
        corruption.addRecords(IndexHeader.LAYOUT, 0, 1);
        corruption.addRecords(SectionEntry.LAYOUT, table, Section.values().length);
        for (Section section : Section.values()) {
            if (section.layout() != null) {
                corruption.addRecords(section.layout(), offset(section), count(section));
            }
        }
        return corruption;
    }

    /** Makes every CRC of {@code damaged}, a file of this one's form, right again. */
    void sign(byte[] damaged) {
        for (int page = 0; page < pages; page++) {
            int from = page * FormatLimits.PAGE_BYTES;
            int length = Math.min(FormatLimits.PAGE_BYTES, bodyBytes - from);
            putInt(damaged, directoryOffset() + 4 * page, crc(damaged, HEADER + from, length));
        }
        int directory = directoryOffset();
        putInt(damaged, IndexHeader.DIRECTORY_CRC.offsetBytes(), crc(damaged, directory, damaged.length - directory));
        int headerCrc = IndexHeader.HEADER_CRC.offsetBytes();
        putInt(damaged, headerCrc, crc(damaged, 0, headerCrc));
    }

    private static int crc(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }

    private static void putInt(byte[] bytes, int at, int value) {
        for (int i = 0; i < 4; i++) {
            bytes[at + i] = (byte) (value >>> 8 * i);
        }
    }

    /** Opens and checks everything, as {@code verify} does. */
    static void check(byte[] file) throws IOException {
        try (Catalog catalog = open(file)) {
            catalog.checkStructure();
        }
    }

    static Catalog open(byte[] file) throws IOException {
        return Catalog.over(IndexImage.open("index", MemorySegment.ofArray(file), () -> {}));
    }

    /** Reads everything as commands do, without the structural check. */
    static void walk(Catalog catalog) throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            assertFalse(tensor.toString().isEmpty());
            tensor.bytes();
            catalog.findTensor(tensor.name(), tensor.state());
            catalog.findTensors(tensor.name());
            for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
                Copy copy = catalog.copy(tensor, number);
                catalog.holders(copy.holders());
                catalog.forEachFragment(copy, fragment -> readFragment(catalog, fragment));
            }
        }
        for (int ordinal = 0; ordinal < catalog.fileCount(); ordinal++) {
            catalog.file(ordinal);
        }
        catalog.states();
        catalog.groups();
        catalog.aliases();
        catalog.attachments();
        catalog.findings();
        catalog.facts();
        catalog.findFact("source");
    }

    private static void readFragment(Catalog catalog, Fragment fragment) throws IOException {
        for (int number = 0; number < fragment.extentCount(); number++) {
            catalog.file(catalog.extent(fragment, number).file());
        }
        catalog.holders(fragment.holders());
        if (fragment.encoding() >= 0) {
            catalog.encoding(fragment.encoding());
        }
    }
}
