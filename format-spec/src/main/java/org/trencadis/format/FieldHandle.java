package org.trencadis.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How code reads and writes one field of a record: its offset, held in a static final, so that it is a constant to the
 * compiler.
 */
public sealed interface FieldHandle {
    /** From the start of the record. */
    int offsetBytes();

    /** Handle of an unsigned 8-bit field. */
    record U8(int offsetBytes) implements FieldHandle {
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
    record U16(int offsetBytes) implements FieldHandle {
        public int get(MemorySegment segment, long base) {
            return Short.toUnsignedInt(segment.get(LittleEndian.SHORT, base + offsetBytes));
        }

        public void set(MemorySegment segment, long base, int value) {
            if (value < 0 || value > 0xFFFF) {
                throw new IllegalArgumentException("value " + value + " does not fit a u16");
            }
            segment.set(LittleEndian.SHORT, base + offsetBytes, (short) value);
        }
    }

    /** Handle of an unsigned 32-bit field; {@link #NONE} is all ones. */
    record U32(int offsetBytes) implements FieldHandle {
        /** All ones: no ordinal. */
        public static final long NONE = 0xFFFFFFFFL;

        public long get(MemorySegment segment, long base) {
            return Integer.toUnsignedLong(segment.get(LittleEndian.INT, base + offsetBytes));
        }

        public int getInt(MemorySegment segment, long base) {
            return segment.get(LittleEndian.INT, base + offsetBytes);
        }

        public void set(MemorySegment segment, long base, long value) {
            if (value < 0 || value > NONE) {
                throw new IllegalArgumentException("value " + value + " does not fit a u32");
            }
            segment.set(LittleEndian.INT, base + offsetBytes, (int) value);
        }
    }

    /** Handle of a 64-bit field. */
    record U64(int offsetBytes) implements FieldHandle {
        public long get(MemorySegment segment, long base) {
            return segment.get(LittleEndian.LONG, base + offsetBytes);
        }

        public void set(MemorySegment segment, long base, long value) {
            segment.set(LittleEndian.LONG, base + offsetBytes, value);
        }
    }

    /** Handle of a field of fixed bytes. */
    record Bytes(int offsetBytes, int sizeBytes) implements FieldHandle {
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
}
