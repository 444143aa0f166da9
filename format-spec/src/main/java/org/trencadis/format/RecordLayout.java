package org.trencadis.format;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

/**
 * The one declaration of an on-disk record: its fields in order, from which size, offsets, access, checks, the printer,
 * the tables of SPEC.md and the damage matrix are derived.
 *
 * <p>All numbers are little-endian, fields follow each other without gaps, and a record's size is a multiple of eight.
 * Declaring a field gives its {@link FieldHandle}.
 */
public final class RecordLayout {
    private final String name;
    private final List<RecordField> fields;
    private final int sizeBytes;

    private RecordLayout(String name, List<RecordField> fields, int sizeBytes) {
        this.name = name;
        this.fields = List.copyOf(fields);
        this.sizeBytes = sizeBytes;
    }

    /** Starts the declaration of record {@code name}. */
    public static Builder named(String name) {
        return new Builder(name);
    }

    public String name() {
        return name;
    }

    public List<RecordField> fields() {
        return fields;
    }

    public int sizeBytes() {
        return sizeBytes;
    }

    /**
     * Checks every field of the record at {@code base} against its rule.
     *
     * @param limits the bounds that ordinals of this record are compared with
     * @param resource name of the file, for messages
     * @param recordOffsetBytes position of the record in that file, for messages
     * @throws Corrupt naming record, field and offset of the first field that breaks its rule
     */
    public void check(MemorySegment segment, long base, Limits limits, String resource, long recordOffsetBytes)
            throws Corrupt {
        for (RecordField field : fields) {
            field.check(segment, base, limits, name, resource, recordOffsetBytes);
        }
    }

    /**
     * A fault of one field that its own rule cannot see.
     *
     * @param fieldOffsetBytes which field: its offset in the record
     * @param recordOffsetBytes position of the record in {@code resource}
     */
    public Corrupt fault(
            int fieldOffsetBytes,
            long recordOffsetBytes,
            String rule,
            Object expected,
            Object actual,
            String resource) {
        for (RecordField field : fields) {
            if (field.offsetBytes() == fieldOffsetBytes) {
                Place place = new Place(resource, name + "." + field.name(), recordOffsetBytes + fieldOffsetBytes);
                return new Corrupt(rule, expected, actual, place);
            }
        }
        throw new IllegalArgumentException(name + " has no field at " + fieldOffsetBytes);
    }

    /** One line a field, {@code name=value}, for people. */
    public String print(MemorySegment segment, long base) {
        StringBuilder text = new StringBuilder(name);
        for (RecordField field : fields) {
            text.append('\n').append("  ").append(field.name()).append('=').append(field.print(segment, base));
        }
        return text.toString();
    }

    /** Named upper bounds of ordinals and positions, known only when a file is open. */
    public interface Limits {
        /** No contextual limits: only rules that need none can be checked. */
        Limits NONE = name -> Long.MAX_VALUE;

        /** The exclusive bound called {@code name}. */
        long limit(String name);
    }

    /** Collects the fields of a record in the order in which they are declared. */
    public static final class Builder {
        private final String name;
        private final List<RecordField> fields = new ArrayList<>();
        private int sizeBytes;
        private int reservedCount;

        private Builder(String name) {
            this.name = name;
        }

        public FieldHandle.U8 u8(String field, String meaning, FieldRule rule) {
            return new FieldHandle.U8(add(field, RecordField.Type.U8, 1, meaning, rule));
        }

        public FieldHandle.U16 u16(String field, String meaning, FieldRule rule) {
            return new FieldHandle.U16(add(field, RecordField.Type.U16, 2, meaning, rule));
        }

        public FieldHandle.U32 u32(String field, String meaning, FieldRule rule) {
            return new FieldHandle.U32(add(field, RecordField.Type.U32, 4, meaning, rule));
        }

        public FieldHandle.U64 u64(String field, String meaning, FieldRule rule) {
            return new FieldHandle.U64(add(field, RecordField.Type.U64, 8, meaning, rule));
        }

        public FieldHandle.Bytes bytes(String field, int fieldBytes, String meaning) {
            return new FieldHandle.Bytes(
                    add(field, RecordField.Type.BYTES, fieldBytes, meaning, new FieldRule.Any()), fieldBytes);
        }

        /** Bytes that are zero and that every reader refuses otherwise. */
        public void reserved(int fieldBytes) {
            reservedCount++;
            String field = reservedCount == 1 ? "reserved" : "reserved" + reservedCount;
            add(
                    field,
                    RecordField.Type.BYTES,
                    fieldBytes,
                    "zero until a later version gives it a meaning",
                    new FieldRule.Range(0, 0));
        }

        private int add(String field, RecordField.Type type, int fieldBytes, String meaning, FieldRule rule) {
            int offset = sizeBytes;
            fields.add(new RecordField(field, type, offset, fieldBytes, meaning, rule));
            sizeBytes += fieldBytes;
            return offset;
        }

        public RecordLayout build() {
            if (sizeBytes % 8 != 0) {
                throw new IllegalStateException(name + " has " + sizeBytes + " bytes, not a multiple of 8");
            }
            String[] names = fields.stream().map(RecordField::name).distinct().toArray(String[]::new);
            if (names.length != fields.size()) {
                throw new IllegalStateException(name + " declares a field twice: " + Arrays.toString(names));
            }
            return new RecordLayout(name, fields, sizeBytes);
        }
    }
}
