package org.trencadis.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

/**
 * One field of a record as it is declared: its place, its meaning, its rule.
 *
 * @param offsetBytes from the start of the record
 * @param meaning the sentence of SPEC.md
 */
public record RecordField(String name, Type type, int offsetBytes, int sizeBytes, String meaning, FieldRule rule) {
    /** The value as an unsigned number; not for byte fields. */
    public long get(MemorySegment segment, long base) {
        long at = base + offsetBytes;
        return switch (type) {
            case U8 -> Byte.toUnsignedLong(segment.get(ValueLayout.JAVA_BYTE, at));
            case U16 -> Short.toUnsignedLong(segment.get(LittleEndian.SHORT, at));
            case U32 -> Integer.toUnsignedLong(segment.get(LittleEndian.INT, at));
            case U64 -> segment.get(LittleEndian.LONG, at);
            case BYTES -> throw new IllegalStateException(name + " is a byte field");
        };
    }

    /** The rule as SPEC.md writes it. */
    public String ruleText() {
        return type == Type.BYTES && rule instanceof FieldRule.Range ? "zeros" : rule.text();
    }

    /** Checks this field; see {@link RecordLayout#check}. */
    void check(
            MemorySegment segment,
            long base,
            RecordLayout.Limits limits,
            String record,
            String resource,
            long recordOffset)
            throws Corrupt {
        String fault;
        if (type == Type.BYTES) {
            boolean mustBeZero = rule instanceof FieldRule.Range;
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
}
