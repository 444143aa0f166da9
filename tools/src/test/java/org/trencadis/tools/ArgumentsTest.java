package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.trencadis.TensorFilter;
import org.trencadis.tensor.Dtype;

/** How words of a command line are read and how results are spelled. */
class ArgumentsTest {
    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "500MB, 500000000",
        "5GB, 5000000000",
        "4GiB, 4294967296",
        "2 kb, 2000",
        "1kib, 1024",
        "3TB, 3000000000000",
        "7b, 7"
    })
    void sizesHaveDecimalAndBinaryUnits(String text, long bytes) {
        assertEquals(bytes, ByteSize.parse("--size", text));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0:10,5:7|[0:10,5:7]",
                ":,5:|[0:100,5:8]",
                "3|[3:4,0:8]",
                "99:100,:1|[99:100,0:1]",
                " 1 : 2 , 3 : 4 |[1:2,3:4]",
                "5:5|[5:5,0:8]"
            })
    void boxesMayLeaveOutEndsAndAxes(String text, String box) {
        assertEquals(box, BoxArgument.parse(text, new long[] {100, 8}).toString());
    }

    @Test
    void aScalarHasTheEmptyBox() {
        assertEquals("[]", BoxArgument.parse(null, new long[0]).toString());
        assertThrows(UsageException.class, () -> BoxArgument.parse("0:1", new long[0]));
    }

    @Test
    void patternsMatchWholeNamesDotsIncluded() {
        TensorFilter filter = TensorFilter.of(List.of("layers.*.weight", "a?c"), List.of("*.norm.*"), List.of());
        assertTrue(filter.acceptsName("layers.0.attn.weight"));
        assertTrue(filter.acceptsName("abc"));
        assertFalse(filter.acceptsName("abcd"));
        assertFalse(filter.acceptsName("xlayers.0.weight"));
        assertFalse(filter.acceptsName("layers.0.norm.weight"));
        assertFalse(TensorFilter.of(List.of("a.c"), List.of(), List.of()).acceptsName("abc"));
        assertTrue(TensorFilter.of(List.of("\\Q(*"), List.of(), List.of()).acceptsName("\\Q(x\ny"));
        assertTrue(TensorFilter.ALL.acceptsName("") && TensorFilter.ALL.acceptsState("fp32"));
        assertFalse(TensorFilter.of(List.of(), List.of(), List.of("fp32")).acceptsState("model"));
    }

    @Test
    void namesCannotBreakALineOrSteerATerminal() {
        assertEquals("plain.näme ✓ \\n", Printable.name("plain.näme ✓ \\n"));
        assertEquals("a\\nb\\tc\\rd", Printable.name("a\nb\tc\rd"));
        assertEquals("\\u001b[31m\\u0000\\u0085\\u2028\\u007f", Printable.name("\u001b[31m\0\u0085\u2028\u007f"));
        assertEquals("😀", Printable.name("😀"));
    }

    @Test
    void bytesAreRoundedForAPerson() {
        assertEquals("0 bytes", Printable.bytes(0));
        assertEquals("999 bytes", Printable.bytes(999));
        assertEquals("1.0 kB", Printable.bytes(1000));
        assertEquals("99.9 MB", Printable.bytes(99_900_000));
        assertEquals("100 MB", Printable.bytes(99_990_000));
        assertEquals("4.3 GB", Printable.bytes(4_280_000_000.0));
    }

    @Test
    void progressTellsShareRateAndTimeLeft() {
        assertEquals(
                " 50 %  2.0 GB of 4.0 GB  1.0 GB/s  2 s left",
                TerminalProgress.line(2_000_000_000, 4_000_000_000L, 2_000_000_000));
        assertEquals("2.0 GB  1.0 GB/s", TerminalProgress.line(2_000_000_000, 0, 2_000_000_000));
    }

    @Test
    void npyHeadsAreAlignedAndTyped() {
        for (long[] shape : new long[][] {{}, {7}, {2, 3}, {1_000_000_007, 3, 5, 7}}) {
            byte[] head = NpyHeader.encode(Dtype.FLOAT64, shape);
            assertEquals(0, head.length % 64);
            assertEquals('\n', head[head.length - 1]);
            assertEquals(head.length - 10, head[8] + 256 * head[9]);
        }
        String scalar = new String(NpyHeader.encode(Dtype.BFLOAT16, new long[0]), StandardCharsets.ISO_8859_1);
        assertTrue(scalar.contains("{'descr': '|V2', 'fortran_order': False, 'shape': (), }"), scalar);
        String vector = new String(NpyHeader.encode(Dtype.BOOL, new long[] {7}), StandardCharsets.ISO_8859_1);
        assertTrue(vector.contains("{'descr': '|b1', 'fortran_order': False, 'shape': (7,), }"), vector);
    }

    @Test
    void failuresAreOneLineThatSaysWhatToDo() {
        assertEquals("x: no such file or directory; check the path", Failures.message(new NoSuchFileException("x")));
        assertEquals("x: permission denied; run as a user who may", Failures.message(new AccessDeniedException("x")));
        assertEquals("a b", Failures.message(new IOException("a\n  b")));
        assertTrue(Failures.message(new IllegalStateException("odd")).startsWith("internal error: "));
        assertTrue(Failures.message(new IOException("No space left on device")).contains("free some space"));
    }
}
