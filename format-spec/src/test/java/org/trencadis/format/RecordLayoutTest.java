package org.trencadis.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.trencadis.format.FormatException.Corrupt;

class RecordLayoutTest {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("Probe");
    private static final FieldHandle.U8 SMALL = RECORD.u8("small", "a byte", FieldRule.range(1, 9));
    private static final FieldHandle.U16 SHORT = RECORD.u16("short", "two", FieldRule.mask(0x0F0F));
    private static final FieldHandle.U32 ORDINAL = RECORD.u32("ordinal", "four", FieldRule.belowOrNone("things"));

    static {
        RECORD.reserved(1);
    }

    private static final FieldHandle.U64 LONG = RECORD.u64("long", "eight", FieldRule.atMost("bytes"));
    private static final FieldHandle.Bytes BYTES = RECORD.bytes("bytes", 8, "raw");
    private static final RecordLayout PROBE = RECORD.build();
    private static final RecordLayout.Limits LIMITS = name -> name.equals("things") ? 5 : 100;

    private final byte[] record = new byte[PROBE.sizeBytes() + 3];
    private final MemorySegment segment = MemorySegment.ofArray(record);

    /** The record stands at 3: nothing may depend on alignment. */
    private void fill() {
        SMALL.set(segment, 3, 9);
        SHORT.set(segment, 3, 0x0102);
        ORDINAL.set(segment, 3, FieldHandle.U32.NONE);
        LONG.set(segment, 3, 100);
        BYTES.set(segment, 3, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    }

    @Test
    void fieldsFollowEachOtherLittleEndian() {
        fill();
        byte[] expected = {9, 2, 1, -1, -1, -1, -1, 0, 100, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
        assertArrayEquals(expected, java.util.Arrays.copyOfRange(record, 3, record.length));
        assertEquals(24, PROBE.sizeBytes());
        assertEquals(9, SMALL.get(segment, 3));
        assertEquals(0x0102, SHORT.get(segment, 3));
        assertEquals(0xFFFFFFFFL, ORDINAL.get(segment, 3));
        assertEquals(-1, ORDINAL.getInt(segment, 3));
        assertEquals(100, LONG.get(segment, 3));
    }

    @Test
    void whatDoesNotFitAFieldIsNotWritten() {
        assertThrows(IllegalArgumentException.class, () -> SMALL.set(segment, 3, 256));
        assertThrows(IllegalArgumentException.class, () -> SMALL.set(segment, 3, -1));
        assertThrows(IllegalArgumentException.class, () -> SHORT.set(segment, 3, 65_536));
        assertThrows(IllegalArgumentException.class, () -> ORDINAL.set(segment, 3, 1L << 32));
        assertThrows(IllegalArgumentException.class, () -> BYTES.set(segment, 3, new byte[7]));
    }

    @Test
    void eachRuleNamesItsFieldAndOffset() throws Corrupt {
        fill();
        PROBE.check(segment, 3, LIMITS, "file", 700);
        assertFault("small", 700, () -> SMALL.set(segment, 3, 0));
        assertFault("small", 700, () -> SMALL.set(segment, 3, 10));
        assertFault("short", 701, () -> SHORT.set(segment, 3, 0x1000));
        assertFault("ordinal", 703, () -> ORDINAL.set(segment, 3, 5));
        assertFault("reserved", 707, () -> record[3 + 7] = 1);
        assertFault("long", 708, () -> LONG.set(segment, 3, 101));
        assertFault("long", 708, () -> LONG.set(segment, 3, -1));
    }

    private void assertFault(String field, long offset, Runnable damage) {
        java.util.Arrays.fill(record, (byte) 0);
        fill();
        damage.run();
        Corrupt fault = assertThrows(Corrupt.class, () -> PROBE.check(segment, 3, LIMITS, "file", 700));
        assertEquals("Probe." + field, fault.place().section());
        assertEquals(offset, fault.place().offsetBytes());
        assertEquals("file", fault.place().resource());
    }

    @Test
    void aFaultOfAFieldCanBeNamedByItsOffset() {
        Corrupt fault = PROBE.fault(LONG.offsetBytes(), 50, "rule", 1, 2, "file");
        assertEquals("rule: expected=1 actual=2 (resource=file, section=Probe.long, offset=58)", fault.getMessage());
        assertThrows(IllegalArgumentException.class, () -> PROBE.fault(9, 50, "rule", 1, 2, "file"));
    }

    @Test
    void aRecordIsPrintedForPeople() {
        fill();
        assertEquals(
                "Probe\n  small=9\n  short=258\n  ordinal=4294967295\n  reserved=00\n  long=100\n  bytes=0102030405060708",
                PROBE.print(segment, 3));
    }

    @Test
    void aDeclarationIsCheckedWhenItIsMade() {
        RecordLayout.Builder odd = RecordLayout.named("Odd");
        odd.u8("one", "one byte", FieldRule.any());
        assertThrows(IllegalStateException.class, odd::build);
        RecordLayout.Builder twice = RecordLayout.named("Twice");
        twice.u32("same", "four bytes", FieldRule.any());
        twice.u32("same", "four more", FieldRule.any());
        assertThrows(IllegalStateException.class, twice::build);
    }
}
