package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.Section;
import org.trencadis.storage.MappedReads;

/**
 * The sections of an index over one memory segment, a mapped file or a built one.
 *
 * <p>Opening reads header, page directory and section table only. A page of the body is checked against its CRC32C when
 * a record on it is first touched.
 */
public final class IndexImage implements AutoCloseable {
    private static final int HEADER_BYTES = ImageLengths.HEADER_BYTES;
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
        HeaderCheck.check(resource, file);
        long bodyBytes = IndexHeader.BODY_BYTES.get(file, 0);
        long pages = IndexHeader.PAGE_COUNT.get(file, 0);
        IndexImage image = new IndexImage(resource, file, onClose, bodyBytes, new byte[Math.toIntExact(pages)]);
        SectionTable.read(image, bodyBytes);
        return image;
    }

    /** An image that was built in this process: its pages carry no checks yet. */
    static IndexImage built(String resource, MemorySegment segment, Runnable onClose, long bodyBytes) {
        return new IndexImage(resource, segment, onClose, bodyBytes, null);
    }

    /** Sets the bounds of a section; only while the image is being made. */
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
        long bytes = ImageLengths.pageBytes(page, bodyBytes);
        int declared = segment.get(INT, HEADER_BYTES + bodyBytes + 4L * page);
        PageChecks.check(resource, "page " + page, segment, HEADER_BYTES + from, bytes, declared);
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

    /**
     * Writes page directory, section table and header of a built image: {@link #segment} then holds the bytes of an index
     * file. An image that was opened holds them already.
     */
    public void seal() {
        if (checkedPages == null) {
            new ImageSeal(this, bodyBytes).write();
        }
    }

    @Override
    public void close() {
        onClose.run();
    }
}
