package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.CoordinateRecord;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.NameRecord;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;

/**
 * What the records of an index image refer to: texts, coordinates and values in its sections. And the rules that the fields
 * of any record are held to.
 *
 * <p>Everything throws {@link Corrupt} where bytes contradict the specification.
 */
final class RecordParts {
    private final IndexImage image;
    private final MemorySegment segment;
    private final RecordLayout.Limits limits;

    RecordParts(IndexImage image) {
        this.image = image;
        this.segment = image.segment();
        Map<String, Long> counts = new HashMap<>();
        for (Section section : Section.values()) {
            counts.put(section.limit(), image.count(section));
        }
        this.limits = counts::get;
    }

    IndexImage image() {
        return image;
    }

    /** The exclusive bounds that the rules of this image's records are compared with. */
    RecordLayout.Limits limits() {
        return limits;
    }

    /** Checks the rules of each field of one record. */
    void check(RecordLayout layout, long at) throws Corrupt {
        layout.check(segment, at, limits, image.resource(), at);
    }

    /** Checks a field that says where the next entries start. */
    void checkStart(RecordLayout layout, FieldHandle.U64 field, long at, long expected) throws Corrupt {
        long actual = field.get(segment, at);
        if (actual != expected) {
            throw layout.fault(
                    field.offsetBytes(),
                    at,
                    "a record starts where the one before it ends",
                    expected,
                    actual,
                    image.resource());
        }
    }

    /** Checks a digest that is zeros where it is not known. */
    void checkDigest(RecordLayout layout, FieldHandle.Bytes field, long at, boolean known) throws Corrupt {
        byte[] digest = field.get(segment, at);
        if (known == Arrays.equals(digest, new byte[digest.length])) {
            throw layout.fault(
                    field.offsetBytes(),
                    at,
                    "a digest is zeros exactly where its flag says it is not known",
                    known ? "a digest" : "zeros",
                    known ? "zeros" : "a digest",
                    image.resource());
        }
    }

    /** The bytes of a section of bytes. */
    byte[] bytes(Section section, long start, long bytes) throws Corrupt {
        long at = image.at(section, start, bytes);
        return segment.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    String text(byte[] utf8) {
        return new String(utf8, StandardCharsets.UTF_8);
    }

    String string(long start, long bytes) throws Corrupt {
        return text(bytes(Section.STRINGS, start, bytes));
    }

    String state(int ordinal) throws Corrupt {
        long at = image.at(Section.STATES, ordinal);
        return string(NameRecord.START.get(segment, at), NameRecord.BYTES.get(segment, at));
    }

    long[] coordinates(long start, int count) throws Corrupt {
        long at = image.at(Section.COORDINATES, start, count);
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = CoordinateRecord.VALUE.get(segment, at + 8L * i);
        }
        return numbers;
    }

    Value value(long start, long bytes) throws Corrupt {
        long at = image.at(Section.VALUES, start, bytes);
        if (bytes > Integer.MAX_VALUE - 16) {
            throw corrupt("a value is below 2 GiB", Integer.MAX_VALUE - 16, bytes, "VALUES", at);
        }
        byte[] copy = segment.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
        return ValueCodec.decode(copy, new Place(image.resource(), "VALUES", at));
    }

    Value.Mapping mapping(long start, long bytes, long record) throws Corrupt {
        Value value = value(start, bytes);
        if (value instanceof Value.Mapping mapping) {
            return mapping;
        }
        throw corrupt("hyperparameters are a mapping", "mapping", value.getClass(), "GroupRecord", record);
    }

    /** The ranks that a value lists. */
    List<Long> ranks(Value value, long at) throws Corrupt {
        List<Long> ranks = new ArrayList<>();
        if (!(value instanceof Value.Tuple tuple)) {
            throw corrupt("a holder set is a tuple of ranks", "tuple", value.getClass(), "HolderRecord", at);
        }
        for (Value item : tuple.items()) {
            if (!(item instanceof Value.Int rank)) {
                throw corrupt("a holder set is a tuple of ranks", "whole number", item, "HolderRecord", at);
            }
            ranks.add(rank.value().longValue());
        }
        return ranks;
    }

    private Corrupt corrupt(String rule, Object expected, Object actual, String section, long at) {
        return new Corrupt(rule, expected, actual, new Place(image.resource(), section, at));
    }
}
