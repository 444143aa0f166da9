package org.trencadis.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

/**
 * The one declaration of an on-disk record: its fields in order, from which size, offsets, access, checks, the printer,
 * the tables of SPEC.md and the damage matrix are derived.
 *
 * <p>All numbers are little-endian, fields follow each other without gaps, and a record's size is a multiple of eight.
 * A field handle is a record held in a static final, so that its offset is a constant to the compiler.
 */
public final class RecordLayout {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final List<Field> fields;
    private final int sizeBytes;

    private RecordLayout(String name, List<Field> fields, int sizeBytes) {
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

    public List<Field> fields() {
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
        for (Field field : fields) {
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
        for (Field field : fields) {
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
        for (Field field : fields) {
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

    /** The type of a field on disk. */
    public enum Type {
        U8(1),
        U16(2),
        U32(4),
        U64(8),
        BYTES(0);

        private final int sizeBytes;

        Type(int sizeBytes) {
            this.sizeBytes = sizeBytes;
        }

        /** Name in SPEC.md. */
        public String specName(int fieldBytes) {
            return this == BYTES ? "byte[" + fieldBytes + "]" : "u" + sizeBytes * 8;
        }
    }

    /** What a field's value may be. {@code text} is the sentence of SPEC.md. */
    public sealed interface Rule {
        String text();

        /** Null where the value is allowed, else what was expected. */
        String findFault(long value, Limits limits);

        /** Any value. */
        record Any() implements Rule {
            @Override
            public String text() {
                return "any";
            }

            @Override
            public String findFault(long value, Limits limits) {
                return null;
            }
        }

        /** Between two bounds, both allowed, compared as unsigned. */
        record Range(long least, long greatest) implements Rule {
            @Override
            public String text() {
                return least == greatest ? "= " + print(least) : print(least) + " to " + print(greatest);
            }

            @Override
            public String findFault(long value, Limits limits) {
                boolean inside = Long.compareUnsigned(value, least) >= 0 && Long.compareUnsigned(value, greatest) <= 0;
                return inside ? null : text();
            }

            /** Magics are read in hex, counts in decimal. */
            private static String print(long bound) {
                boolean isCount = bound >= 0 && bound <= 0xFFFFFFFFL;
                return isCount ? Long.toString(bound) : "0x" + Long.toHexString(bound);
            }
        }

        /** Below a bound known from the open file; {@code orNone} also allows all ones. */
        record Below(String limit, boolean inclusive, boolean orNone) implements Rule {
            @Override
            public String text() {
                return (inclusive ? "at most " : "below ") + limit + (orNone ? ", or all ones for none" : "");
            }

            @Override
            public String findFault(long value, Limits limits) {
                if (orNone && (value == -1 || value == 0xFFFFFFFFL)) {
                    return null;
                }
                long bound = limits.limit(limit);
                boolean inside = value >= 0 && (inclusive ? value <= bound : value < bound);
                return inside ? null : text() + " (" + bound + ")";
            }
        }

        /** Only bits of a mask. */
        record Mask(long mask) implements Rule {
            @Override
            public String text() {
                return "bits of 0x" + Long.toHexString(mask);
            }

            @Override
            public String findFault(long value, Limits limits) {
                return (value & ~mask) == 0 ? null : text();
            }
        }
    }

    /**
     * One field.
     *
     * @param offsetBytes from the start of the record
     * @param meaning the sentence of SPEC.md
     */
    public record Field(String name, Type type, int offsetBytes, int sizeBytes, String meaning, Rule rule) {
        /** The value as an unsigned number; not for byte fields. */
        public long get(MemorySegment segment, long base) {
            long at = base + offsetBytes;
            return switch (type) {
                case U8 -> Byte.toUnsignedLong(segment.get(ValueLayout.JAVA_BYTE, at));
                case U16 -> Short.toUnsignedLong(segment.get(SHORT, at));
                case U32 -> Integer.toUnsignedLong(segment.get(INT, at));
                case U64 -> segment.get(LONG, at);
                case BYTES -> throw new IllegalStateException(name + " is a byte field");
            };
        }

        /** The rule as SPEC.md writes it. */
        public String ruleText() {
            return type == Type.BYTES && rule instanceof Rule.Range ? "zeros" : rule.text();
        }

        /** Checks this field; see {@link RecordLayout#check}. */
        void check(MemorySegment segment, long base, Limits limits, String record, String resource, long recordOffset)
                throws Corrupt {
            String fault;
            if (type == Type.BYTES) {
                boolean mustBeZero = rule instanceof Rule.Range;
                fault = mustBeZero && !isZero(segment, base) ? "zeros" : null;
            } else {
                fault = rule.findFault(get(segment, base), limits);
            }
            if (fault != null) {
                throw new Corrupt(
                        record + "." + name + " breaks its rule",
                        fault,
                        print(segment, base),
                        new Place(resource, record + "." + name, recordOffset + offsetBytes));
            }
        }

        private boolean isZero(MemorySegment segment, long base) {
            for (int i = 0; i < sizeBytes; i++) {
                if (segment.get(ValueLayout.JAVA_BYTE, base + offsetBytes + i) != 0) {
                    return false;
                }
            }
            return true;
        }

        /** The value for people: decimal, bytes in hex. */
        public String print(MemorySegment segment, long base) {
            if (type != Type.BYTES) {
                return Long.toUnsignedString(get(segment, base));
            }
            byte[] bytes = segment.asSlice(base + offsetBytes, sizeBytes).toArray(ValueLayout.JAVA_BYTE);
            return HexFormat.of().formatHex(bytes);
        }
    }

    /** Handle of an unsigned 8-bit field. */
    public record U8(int offsetBytes) {
        public int get(MemorySegment segment, long base) {
            return Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, base + offsetBytes));
        }

        public void set(MemorySegment segment, long base, int value) {
            segment.set(ValueLayout.JAVA_BYTE, base + offsetBytes, narrow(value, 0xFF));
        }

        private static byte narrow(int value, int greatest) {
            if (value < 0 || value > greatest) {
                throw new IllegalArgumentException("value " + value + " does not fit a u8");
            }
            return (byte) value;
        }
    }

    /** Handle of an unsigned 16-bit field. */
    public record U16(int offsetBytes) {
        public int get(MemorySegment segment, long base) {
            return Short.toUnsignedInt(segment.get(SHORT, base + offsetBytes));
        }

        public void set(MemorySegment segment, long base, int value) {
            if (value < 0 || value > 0xFFFF) {
                throw new IllegalArgumentException("value " + value + " does not fit a u16");
            }
            segment.set(SHORT, base + offsetBytes, (short) value);
        }
    }

    /** Handle of an unsigned 32-bit field; {@link #NONE} is all ones. */
    public record U32(int offsetBytes) {
        /** All ones: no ordinal. */
        public static final long NONE = 0xFFFFFFFFL;

        public long get(MemorySegment segment, long base) {
            return Integer.toUnsignedLong(segment.get(INT, base + offsetBytes));
        }

        public int getInt(MemorySegment segment, long base) {
            return segment.get(INT, base + offsetBytes);
        }

        public void set(MemorySegment segment, long base, long value) {
            if (value < 0 || value > NONE) {
                throw new IllegalArgumentException("value " + value + " does not fit a u32");
            }
            segment.set(INT, base + offsetBytes, (int) value);
        }
    }

    /** Handle of a 64-bit field. */
    public record U64(int offsetBytes) {
        public long get(MemorySegment segment, long base) {
            return segment.get(LONG, base + offsetBytes);
        }

        public void set(MemorySegment segment, long base, long value) {
            segment.set(LONG, base + offsetBytes, value);
        }
    }

    /** Handle of a field of fixed bytes. */
    public record Bytes(int offsetBytes, int sizeBytes) {
        public byte[] get(MemorySegment segment, long base) {
            return segment.asSlice(base + offsetBytes, sizeBytes).toArray(ValueLayout.JAVA_BYTE);
        }

        public void set(MemorySegment segment, long base, byte[] value) {
            if (value.length != sizeBytes) {
                throw new IllegalArgumentException("expected " + sizeBytes + " bytes, got " + value.length);
            }
            MemorySegment.copy(value, 0, segment, ValueLayout.JAVA_BYTE, base + offsetBytes, sizeBytes);
        }
    }

    /** Collects the fields of a record in the order in which they are declared. */
    public static final class Builder {
        private final String name;
        private final List<Field> fields = new ArrayList<>();
        private int sizeBytes;
        private int reservedCount;

        private Builder(String name) {
            this.name = name;
        }

        public U8 u8(String field, String meaning, Rule rule) {
            return new U8(add(field, Type.U8, 1, meaning, rule));
        }

        public U16 u16(String field, String meaning, Rule rule) {
            return new U16(add(field, Type.U16, 2, meaning, rule));
        }

        public U32 u32(String field, String meaning, Rule rule) {
            return new U32(add(field, Type.U32, 4, meaning, rule));
        }

        public U64 u64(String field, String meaning, Rule rule) {
            return new U64(add(field, Type.U64, 8, meaning, rule));
        }

        public Bytes bytes(String field, int fieldBytes, String meaning) {
            return new Bytes(add(field, Type.BYTES, fieldBytes, meaning, new Rule.Any()), fieldBytes);
        }

        /** Bytes that are zero and that every reader refuses otherwise. */
        public void reserved(int fieldBytes) {
            reservedCount++;
            String field = reservedCount == 1 ? "reserved" : "reserved" + reservedCount;
            add(field, Type.BYTES, fieldBytes, "zero until a later version gives it a meaning", new Rule.Range(0, 0));
        }

        private int add(String field, Type type, int fieldBytes, String meaning, Rule rule) {
            int offset = sizeBytes;
            fields.add(new Field(field, type, offset, fieldBytes, meaning, rule));
            sizeBytes += fieldBytes;
            return offset;
        }

        public RecordLayout build() {
            if (sizeBytes % 8 != 0) {
                throw new IllegalStateException(name + " has " + sizeBytes + " bytes, not a multiple of 8");
            }
            String[] names = fields.stream().map(Field::name).distinct().toArray(String[]::new);
            if (names.length != fields.size()) {
                throw new IllegalStateException(name + " declares a field twice: " + Arrays.toString(names));
            }
            return new RecordLayout(name, fields, sizeBytes);
        }
    }

    /** Any value is allowed. */
    public static Rule any() {
        return new Rule.Any();
    }

    /** Exactly this value. */
    public static Rule exactly(long value) {
        return new Rule.Range(value, value);
    }

    /** Between two values, both allowed. */
    public static Rule range(long least, long greatest) {
        return new Rule.Range(least, greatest);
    }

    /** Below the bound {@code limit}. */
    public static Rule below(String limit) {
        return new Rule.Below(limit, false, false);
    }

    /** At most the bound {@code limit}. */
    public static Rule atMost(String limit) {
        return new Rule.Below(limit, true, false);
    }

    /** Below the bound {@code limit}, or all ones for none. */
    public static Rule belowOrNone(String limit) {
        return new Rule.Below(limit, false, true);
    }

    /** Only bits of {@code mask}. */
    public static Rule mask(long mask) {
        return new Rule.Mask(mask);
    }
}
