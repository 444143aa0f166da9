package org.trencadis.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class UniversalLayoutTest {
    @Test
    void theStageIsRead() throws LayoutException {
        assertEquals(1, UniversalLayout.parse("zero=1").zeroStage());
        assertFalse(UniversalLayout.parse("zero=2").isPartitioned());
        assertTrue(UniversalLayout.parse(" zero = 3 ").isPartitioned());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "zero",
                "zero=",
                "zero=0",
                "zero=4",
                "zero=three",
                "tp=2",
                "zero=1,tp=2",
                "zero=1,zero=2",
                "zero=1,"
            })
    void anythingElseIsRefusedWithTheTextInTheMessage(String text) {
        LayoutException failure = assertThrows(LayoutException.class, () -> UniversalLayout.parse(text));
        assertTrue(failure.getMessage().contains("'" + text + "'"), failure.getMessage());
    }

    @Test
    void patternsMatchFromTheStartAndTheFirstOneWins() throws LayoutException {
        NamePatterns patterns = new NamePatterns(List.of("l\\.\\d+", "^l\\.1\\.w$", "x$"), "test");
        assertEquals("l\\.\\d+", patterns.find("l.1.w"));
        assertEquals(null, patterns.find("m.l.1.w"));
        assertEquals("x$", patterns.find("x"));
        NamePatterns exact = new NamePatterns(List.of("^l\\.1\\.w$", "l"), "test");
        assertEquals("^l\\.1\\.w$", exact.find("l.1.w"));
        assertEquals("l", exact.find("l.1.w2"));
        assertThrows(LayoutException.class, () -> new NamePatterns(List.of("("), "test"));
    }
}
