package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;

/** Checks the header of an index file, and that it tells the lengths of a file like this one. */
final class HeaderCheck {
    private HeaderCheck() {}

    /** Checks the index in {@code file} as far as its header vouches for it. */
    static void check(String resource, MemorySegment file) throws FormatException {
        if (file.byteSize() < ImageLengths.HEADER_BYTES) {
            throw new Truncated(
                    "an index starts with its header",
                    ImageLengths.HEADER_BYTES,
                    file.byteSize(),
                    new Place(resource, "header", 0));
        }
        checkKnown("an index starts with its magic", IndexHeader.MAGIC_FIELD, file, IndexHeader.MAGIC, resource);
        int crcOffset = IndexHeader.HEADER_CRC.offsetBytes();
        PageChecks.check(resource, "header", file, 0, crcOffset, IndexHeader.HEADER_CRC.getInt(file, 0));
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
        long tail = ImageLengths.HEADER_BYTES + IndexHeader.BODY_BYTES.get(file, 0);
        int directoryCrc = IndexHeader.DIRECTORY_CRC.getInt(file, 0);
        PageChecks.check(resource, "page directory", file, tail, file.byteSize() - tail, directoryCrc);
        long unused = tail + 4 * IndexHeader.PAGE_COUNT.get(file, 0);
        long table = ImageLengths.tableOffset(file.byteSize());
        if (unused < table && file.get(ValueLayout.JAVA_INT_UNALIGNED, unused) != 0) {
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
        checkLength(
                IndexHeader.BODY_BYTES,
                "the body ends at a multiple of 64",
                ImageLengths.aligned(body),
                body,
                resource);
        if (ImageLengths.fileBytes(body) != declared) {
            throw IndexHeader.LAYOUT.fault(
                    IndexHeader.BODY_BYTES.offsetBytes(),
                    0,
                    "header, body, page directory and section table fill the file",
                    declared + " bytes",
                    ImageLengths.fileBytes(body) + " bytes",
                    resource);
        }
        checkLength(
                IndexHeader.PAGE_COUNT,
                "pages cover the body",
                ImageLengths.pages(body),
                IndexHeader.PAGE_COUNT.get(file, 0),
                resource);
    }

    private static void checkLength(FieldHandle.U64 field, String rule, long expected, long actual, String resource)
            throws Corrupt {
        if (expected != actual) {
            throw IndexHeader.LAYOUT.fault(field.offsetBytes(), 0, rule, expected, actual, resource);
        }
    }
}
