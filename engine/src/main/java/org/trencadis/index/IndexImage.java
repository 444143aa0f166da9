package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.Section;
import org.trencadis.format.SectionEntry;
import org.trencadis.storage.MappedReads;

/**
 * The sections of an index over one memory segment, a mapped file or a built one.
 *
 * <p>Opening reads header, page directory and section table only. A page of the body is checked against its CRC32C when
 * a record on it is first touched.
 */
public final class IndexImage implements AutoCloseable {
    static final int HEADER_BYTES = IndexHeader.LAYOUT.sizeBytes();
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String resource;
    private final Path file;
    private final MemorySegment segment;
    private final Runnable onClose;
    private final long bodyBytes;
    private final long[] offsets = new long[Section.values().length];
    private final long[] counts = new long[Section.values().length];
    /** One byte a page, 1 once checked; threads may check a page twice, which does no harm. Null where built here. */
    private final byte[] checkedPages;

    private IndexImage(String resource, MemorySegment segment, Runnable onClose, long bodyBytes, byte[] checkedPages) {
        this.resource = resource;
        this.file = Path.of(resource);
        this.segment = segment;
        this.onClose = onClose;
        this.bodyBytes = bodyBytes;
        this.checkedPages = checkedPages;
    }

    /**
     * Opens the index in {@code file}.
     *
     * @param resource its name, for messages
     * @param file all of it, read-only; stays valid until {@code onClose} has run
     */
    public static IndexImage open(String resource, MemorySegment file, Runnable onClose) throws IOException {
        return MappedReads.read(Path.of(resource), () -> openMapped(resource, file, onClose));
    }

    private static IndexImage openMapped(String resource, MemorySegment file, Runnable onClose) throws FormatException {
        checkHeader(resource, file);
        long bodyBytes = IndexHeader.BODY_BYTES.get(file, 0);
        long pages = IndexHeader.PAGE_COUNT.get(file, 0);
        IndexImage image = new IndexImage(resource, file, onClose, bodyBytes, new byte[Math.toIntExact(pages)]);
        image.readSections();
        return image;
    }

    /** An image that was built in this process: its pages carry no checks yet. */
    static IndexImage built(String resource, MemorySegment segment, Runnable onClose, long bodyBytes) {
        return new IndexImage(resource, segment, onClose, bodyBytes, null);
    }

    private static void checkHeader(String resource, MemorySegment file) throws FormatException {
        if (file.byteSize() < HEADER_BYTES) {
            throw new Truncated(
                    "an index starts with its header", HEADER_BYTES, file.byteSize(), new Place(resource, "header", 0));
        }
        checkKnown("an index starts with its magic", IndexHeader.MAGIC_FIELD, file, IndexHeader.MAGIC, resource);
        int crcOffset = IndexHeader.HEADER_CRC.offsetBytes();
        checkCrc(resource, "header", file, 0, crcOffset, IndexHeader.HEADER_CRC.getInt(file, 0));
        long version = IndexHeader.VERSION.get(file, 0);
        if (version != FormatLimits.VERSION) {
            throw new Unsupported(
                    "the format version is known",
                    FormatLimits.VERSION,
                    version,
                    new Place(resource, "header", IndexHeader.VERSION.offsetBytes()));
        }
        checkKnown("required features are known", IndexHeader.REQUIRED, file, 0, resource);
        long declared = IndexHeader.FILE_BYTES.get(file, 0);
        if (Long.compareUnsigned(declared, file.byteSize()) > 0) {
            throw new Truncated(
                    "an index has the length its header declares",
                    Long.toUnsignedString(declared),
                    file.byteSize(),
                    new Place(resource, "header", IndexHeader.FILE_BYTES.offsetBytes()));
        }
        IndexHeader.LAYOUT.check(file, 0, name -> file.byteSize(), resource, 0);
        checkLengths(resource, file, declared);
        long tail = HEADER_BYTES + IndexHeader.BODY_BYTES.get(file, 0);
        int directoryCrc = IndexHeader.DIRECTORY_CRC.getInt(file, 0);
        checkCrc(resource, "page directory", file, tail, file.byteSize() - tail, directoryCrc);
        long unused = tail + 4 * IndexHeader.PAGE_COUNT.get(file, 0);
        long table = file.byteSize() - (long) Section.values().length * SectionEntry.LAYOUT.sizeBytes();
        if (unused < table && file.get(INT, unused) != 0) {
            throw new Corrupt(
                    "an odd page directory ends with zeros", 0, "other", new Place(resource, "page directory", unused));
        }
    }

    private static void checkKnown(
            String rule, FieldHandle.U64 field, MemorySegment file, long expected, String resource) throws Unsupported {
        long actual = field.get(file, 0);
        if (actual != expected) {
            throw new Unsupported(
                    rule,
                    Long.toHexString(expected),
                    Long.toHexString(actual),
                    new Place(resource, "header", field.offsetBytes()));
        }
    }

    private static void checkLengths(String resource, MemorySegment file, long declared) throws Corrupt {
        checkLength(
                IndexHeader.FILE_BYTES,
                "an index has the length its header declares",
                file.byteSize(),
                declared,
                resource);
        long body = IndexHeader.BODY_BYTES.get(file, 0);
        checkLength(IndexHeader.BODY_BYTES, "the body ends at a multiple of 64", aligned(body), body, resource);
        if (fileBytes(body) != declared) {
            throw IndexHeader.LAYOUT.fault(
                    IndexHeader.BODY_BYTES.offsetBytes(),
                    0,
                    "header, body, page directory and section table fill the file",
                    declared + " bytes",
                    fileBytes(body) + " bytes",
                    resource);
        }
        checkLength(
                IndexHeader.PAGE_COUNT,
                "pages cover the body",
                pages(body),
                IndexHeader.PAGE_COUNT.get(file, 0),
                resource);
    }

    private static void checkLength(FieldHandle.U64 field, String rule, long expected, long actual, String resource)
            throws Corrupt {
        if (expected != actual) {
            throw IndexHeader.LAYOUT.fault(field.offsetBytes(), 0, rule, expected, actual, resource);
        }
    }

    private void readSections() throws Corrupt {
        long table = segment.byteSize() - (long) Section.values().length * SectionEntry.LAYOUT.sizeBytes();
        long end = 0;
        for (Section section : Section.values()) {
            long entry = table + (long) section.ordinal() * SectionEntry.LAYOUT.sizeBytes();
            SectionEntry.LAYOUT.check(segment, entry, name -> bodyBytes, resource, entry);
            checkEntry(
                    SectionEntry.SECTION.offsetBytes(),
                    entry,
                    SectionEntry.SECTION.get(segment, entry),
                    section.code());
            checkEntry(
                    SectionEntry.ENTRY_BYTES.offsetBytes(),
                    entry,
                    SectionEntry.ENTRY_BYTES.get(segment, entry),
                    section.entryBytes());
            long offset = SectionEntry.OFFSET_BYTES.get(segment, entry);
            checkEntry(SectionEntry.OFFSET_BYTES.offsetBytes(), entry, offset, aligned(end));
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
            offsets[section.ordinal()] = HEADER_BYTES + offset;
            counts[section.ordinal()] = count;
            end = offset + count * section.entryBytes();
        }
        if (aligned(end) != bodyBytes) {
            throw new Corrupt(
                    "sections fill the body", bodyBytes, aligned(end), new Place(resource, "section table", table));
        }
    }

    private void checkEntry(int field, long entry, long actual, long expected) throws Corrupt {
        if (actual != expected) {
            throw SectionEntry.LAYOUT.fault(
                    field, entry, "sections follow each other as the format lists them", expected, actual, resource);
        }
    }

    /** Sets the bounds of a section of an image that is being built. */
    void place(Section section, long offsetBytes, long count) {
        offsets[section.ordinal()] = HEADER_BYTES + offsetBytes;
        counts[section.ordinal()] = count;
    }

    /** The whole file. */
    public MemorySegment segment() {
        return segment;
    }

    /** The name for messages. */
    public String resource() {
        return resource;
    }

    /** Entries of {@code section}. */
    public long count(Section section) {
        return counts[section.ordinal()];
    }

    /** Where the section starts in the file. */
    public long offset(Section section) {
        return offsets[section.ordinal()];
    }

    /** The position in {@link #segment} of entry {@code ordinal}, whose pages are checked. */
    public long at(Section section, long ordinal) throws Corrupt {
        if (ordinal < 0 || ordinal >= counts[section.ordinal()]) {
            throw new Corrupt(
                    "an ordinal is inside its section",
                    "below " + counts[section.ordinal()],
                    ordinal,
                    new Place(resource, section.name(), offsets[section.ordinal()]));
        }
        int entryBytes = section.entryBytes();
        long at = offsets[section.ordinal()] + ordinal * entryBytes;
        touch(at, entryBytes);
        return at;
    }

    /** The position of {@code count} entries from {@code start}, whose pages are checked. */
    public long at(Section section, long start, long count) throws Corrupt {
        if (start < 0 || count < 0 || count > counts[section.ordinal()] - start) {
            throw new Corrupt(
                    "a range is inside its section",
                    "within " + counts[section.ordinal()],
                    start + " + " + count,
                    new Place(resource, section.name(), offsets[section.ordinal()]));
        }
        long at = offsets[section.ordinal()] + start * section.entryBytes();
        touch(at, count * section.entryBytes());
        return at;
    }

    private void touch(long at, long bytes) throws Corrupt {
        if (checkedPages == null || bytes == 0) {
            return;
        }
        int last = (int) ((at + bytes - 1 - HEADER_BYTES) / FormatLimits.PAGE_BYTES);
        for (int page = (int) ((at - HEADER_BYTES) / FormatLimits.PAGE_BYTES); page <= last; page++) {
            if (checkedPages[page] == 0) {
                checkPage(page);
                checkedPages[page] = 1;
            }
        }
    }

    /** Checks one page of the body against the page directory. */
    private void checkPage(int page) throws Corrupt {
        long from = (long) page * FormatLimits.PAGE_BYTES;
        long bytes = Math.min(FormatLimits.PAGE_BYTES, bodyBytes - from);
        int declared = segment.get(INT, HEADER_BYTES + bodyBytes + 4L * page);
        checkCrc(resource, "page " + page, segment, HEADER_BYTES + from, bytes, declared);
    }

    /**
     * What {@code read} makes of the image, which somebody may cut meanwhile.
     *
     * @throws org.trencadis.storage.StorageException where the file was cut
     */
    <T> T read(MappedReads.Read<T> read) throws IOException {
        return MappedReads.read(file, read);
    }

    /** Copies {@code bytes} bytes from {@code offset} of the whole file to the start of {@code target}. */
    public void copyTo(MemorySegment target, long offset, long bytes) throws IOException {
        read(() -> {
            MemorySegment.copy(segment, offset, target, 0, bytes);
            return null;
        });
    }

    /** Checks every page, and that the gaps between sections are zero. */
    public void checkPages() throws IOException {
        read(() -> {
            checkEveryPage();
            return null;
        });
    }

    private void checkEveryPage() throws Corrupt {
        for (int page = 0; checkedPages != null && page < checkedPages.length; page++) {
            checkPage(page);
            checkedPages[page] = 1;
        }
        long end = HEADER_BYTES;
        for (Section section : Section.values()) {
            checkGap(end, offset(section));
            end = offset(section) + count(section) * section.entryBytes();
        }
        checkGap(end, HEADER_BYTES + bodyBytes);
    }

    private void checkGap(long from, long to) throws Corrupt {
        for (long at = from; at < to; at++) {
            if (segment.get(ValueLayout.JAVA_BYTE, at) != 0) {
                throw new Corrupt("gaps between sections are zero", 0, "other", new Place(resource, "body", at));
            }
        }
    }

    @Override
    public void close() {
        onClose.run();
    }

    /**
     * Writes page directory, section table and header of a built image: {@link #segment} then holds the bytes of an index
     * file. An image that was opened holds them already.
     */
    public void seal() {
        if (checkedPages != null) {
            return;
        }
        long directory = HEADER_BYTES + bodyBytes;
        for (int page = 0; page < pages(bodyBytes); page++) {
            long from = (long) page * FormatLimits.PAGE_BYTES;
            long bytes = Math.min(FormatLimits.PAGE_BYTES, bodyBytes - from);
            segment.set(INT, directory + 4L * page, crc(segment, HEADER_BYTES + from, bytes));
        }
        long table = segment.byteSize() - (long) Section.values().length * SectionEntry.LAYOUT.sizeBytes();
        for (Section section : Section.values()) {
            long entry = table + (long) section.ordinal() * SectionEntry.LAYOUT.sizeBytes();
            SectionEntry.SECTION.set(segment, entry, section.code());
            SectionEntry.ENTRY_BYTES.set(segment, entry, section.entryBytes());
            SectionEntry.OFFSET_BYTES.set(segment, entry, offset(section) - HEADER_BYTES);
            SectionEntry.ENTRY_COUNT.set(segment, entry, count(section));
        }
        IndexHeader.MAGIC_FIELD.set(segment, 0, IndexHeader.MAGIC);
        IndexHeader.VERSION.set(segment, 0, FormatLimits.VERSION);
        IndexHeader.HEADER_BYTES.set(segment, 0, HEADER_BYTES);
        IndexHeader.FILE_BYTES.set(segment, 0, segment.byteSize());
        IndexHeader.BODY_BYTES.set(segment, 0, bodyBytes);
        IndexHeader.PAGE_COUNT.set(segment, 0, pages(bodyBytes));
        IndexHeader.SECTION_COUNT.set(segment, 0, Section.values().length);
        int directoryCrc = crc(segment, directory, segment.byteSize() - directory);
        IndexHeader.DIRECTORY_CRC.set(segment, 0, Integer.toUnsignedLong(directoryCrc));
        int headerCrc = crc(segment, 0, IndexHeader.HEADER_CRC.offsetBytes());
        IndexHeader.HEADER_CRC.set(segment, 0, Integer.toUnsignedLong(headerCrc));
    }

    static long pages(long bodyBytes) {
        return (bodyBytes + FormatLimits.PAGE_BYTES - 1) / FormatLimits.PAGE_BYTES;
    }

    /** The length of a file whose sections take {@code bodyBytes}. */
    static long fileBytes(long bodyBytes) {
        long directory = HEADER_BYTES + bodyBytes;
        long table = (directory + 4 * pages(bodyBytes) + 7) / 8 * 8;
        return table + (long) Section.values().length * SectionEntry.LAYOUT.sizeBytes();
    }

    /** The next multiple of the section alignment. */
    static long aligned(long offsetBytes) {
        return (offsetBytes + FormatLimits.SECTION_ALIGNMENT - 1)
                / FormatLimits.SECTION_ALIGNMENT
                * FormatLimits.SECTION_ALIGNMENT;
    }

    private static void checkCrc(
            String resource, String section, MemorySegment segment, long from, long bytes, int declared)
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
    private static int crc(MemorySegment segment, long from, long bytes) {
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
