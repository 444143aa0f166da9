package org.trencadis.source.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.source.StrictJson;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.FileStamp;

/**
 * The header of one safetensors file, proved: every byte behind it belongs to exactly one tensor.
 *
 * @param stamp what the file system said when it was read
 * @param dataBytes where the data starts in the file
 * @param metadata the text entries of {@code __metadata__}
 */
record FileHeader(FileStamp stamp, long dataBytes, List<TensorEntry> entries, Map<String, String> metadata) {
    /** The longest header that the safetensors library reads, in bytes. */
    private static final long MAX_BYTES = 100_000_000;

    /** Reads the header of an open file and no byte behind it. */
    static FileHeader read(FileLease lease) throws IOException {
        String resource = lease.file().toString();
        Place place = new Place(resource, "header length", 0);
        if (lease.sizeBytes() < Long.BYTES) {
            throw new FormatException.Truncated(
                    "a safetensors file begins with the length of its header", "8 bytes", lease.sizeBytes(), place);
        }
        byte[] prefix = new byte[Long.BYTES];
        lease.read(0, MemorySegment.ofArray(prefix), 0, prefix.length);
        long length = ByteBuffer.wrap(prefix).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 0 || length > MAX_BYTES) {
            throw new FormatException.Corrupt(
                    "a header is not longer than the library reads",
                    "at most " + MAX_BYTES + " bytes",
                    Long.toUnsignedString(length),
                    place);
        }
        if (length > lease.sizeBytes() - Long.BYTES) {
            throw new FormatException.Truncated(
                    "a header lies in its file", length + " bytes", lease.sizeBytes() - Long.BYTES, place);
        }
        byte[] text = new byte[(int) length];
        lease.read(Long.BYTES, MemorySegment.ofArray(text), 0, text.length);
        return parse(text, lease.stamp(), lease.sizeBytes(), resource);
    }

    private static FileHeader parse(byte[] text, FileStamp stamp, long fileBytes, String resource) throws IOException {
        Place place = new Place(resource, "header", Long.BYTES);
        if (text.length == 0 || text[0] != '{') {
            throw new FormatException.Corrupt(
                    "a header begins with {", "{", text.length == 0 ? "nothing" : "other", place);
        }
        HeaderParser parser = new HeaderParser(place);
        StrictJson.read(text, place, parser::read);
        FileHeader header = new FileHeader(stamp, (long) Long.BYTES + text.length, parser.entries(), parser.metadata());
        header.checkCoverage(fileBytes - header.dataBytes, place);
        return header;
    }

    /** That tensors follow each other from the first byte of the data to its last. */
    private void checkCoverage(long available, Place place) throws FormatException {
        List<TensorEntry> ordered = entries.stream()
                .sorted(Comparator.comparingLong(TensorEntry::beginBytes).thenComparingLong(TensorEntry::endBytes))
                .toList();
        long covered = 0;
        for (TensorEntry entry : ordered) {
            if (entry.beginBytes() != covered) {
                throw new FormatException.Corrupt(
                        "tensors lie one after another, without holes and overlaps",
                        "the next at " + covered,
                        entry.name() + " at " + entry.beginBytes(),
                        place);
            }
            covered = entry.endBytes();
        }
        if (covered > available) {
            throw new FormatException.Truncated("a file holds its tensors", covered + " bytes", available, place);
        }
        if (covered < available) {
            throw new FormatException.Corrupt(
                    "a file ends with its last tensor", covered + " bytes of data", available, place);
        }
    }
}
