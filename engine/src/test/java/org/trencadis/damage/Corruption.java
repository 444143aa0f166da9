package org.trencadis.damage;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.format.RecordField;
import org.trencadis.format.RecordLayout;

/**
 * Every way to damage the records of a file, one field at a time: derived from their declarations, so that a new field is
 * covered the day it is added.
 */
public final class Corruption {
    private final byte[] file;
    private final List<Edit> edits = new ArrayList<>();
    private int unchanged;

    public Corruption(byte[] file) {
        this.file = file;
    }

    /** What is done to a field. */
    public enum Kind {
        BIT_FLIP,
        ZERO,
        MAX,
        PLUS_ONE,
        MINUS_ONE,
        SWAP
    }

    /**
     * One damaged file.
     *
     * @param recordOffset position of the damaged record in it
     * @param bytes the whole file
     */
    public record Edit(RecordLayout layout, long recordOffset, RecordField field, Kind kind, byte[] bytes) {
        /** {@code Record.field}, as faults name it. */
        public String name() {
            return layout.name() + "." + field.name();
        }

        /** Where the field stands in the file. */
        public long offset() {
            return recordOffset + field.offsetBytes();
        }

        /** The field's value after the edit; not for byte fields. */
        public long value() {
            return field.get(MemorySegment.ofArray(bytes), recordOffset);
        }

        /** The field's value in {@code file}; not for byte fields. */
        public long valueIn(byte[] file) {
            return field.get(MemorySegment.ofArray(file), recordOffset);
        }

        @Override
        public String toString() {
            return kind + " of " + name() + " at " + offset();
        }
    }

    /** Adds the edits of {@code count} records that follow each other from {@code offset}. */
    public void addRecords(RecordLayout layout, long offset, long count) {
        for (long ordinal = 0; ordinal < count; ordinal++) {
            long at = offset + ordinal * layout.sizeBytes();
            for (RecordField field : layout.fields()) {
                for (Kind kind : Kind.values()) {
                    if (kind != Kind.SWAP || ordinal + 1 < count) {
                        add(layout, at, field, kind);
                    }
                }
            }
        }
    }

    private void add(RecordLayout layout, long recordOffset, RecordField field, Kind kind) {
        byte[] bytes = file.clone();
        int at = Math.toIntExact(recordOffset) + field.offsetBytes();
        int size = field.sizeBytes();
        switch (kind) {
            case BIT_FLIP -> bytes[at + size / 2] ^= 0x10;
            case ZERO -> Arrays.fill(bytes, at, at + size, (byte) 0);
            case MAX -> Arrays.fill(bytes, at, at + size, (byte) 0xFF);
            case PLUS_ONE -> addTo(bytes, at, size, 1);
            case MINUS_ONE -> addTo(bytes, at, size, 0xFF);
            case SWAP -> {
                int other = at + layout.sizeBytes();
                System.arraycopy(file, other, bytes, at, size);
                System.arraycopy(file, at, bytes, other, size);
            }
        }
        if (Arrays.equals(bytes, file)) {
            unchanged++;
        } else {
            edits.add(new Edit(layout, recordOffset, field, kind, bytes));
        }
    }

    /** Adds 1 or, with every byte 255, -1 to a little-endian number. */
    private static void addTo(byte[] bytes, int at, int size, int each) {
        int carry = 0;
        for (int i = 0; i < size; i++) {
            int sum = Byte.toUnsignedInt(bytes[at + i]) + (i == 0 ? each : each == 1 ? 0 : each) + carry;
            bytes[at + i] = (byte) sum;
            carry = sum >>> 8;
        }
    }

    public List<Edit> edits() {
        return edits;
    }

    /** Edits that were left out because they change nothing. */
    public int unchanged() {
        return unchanged;
    }
}
