package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.trencadis.format.FormatException;

/** The tape and the records on it, against Java's own collections. */
final class TapeTest {
    private final SplittableRandom random = new SplittableRandom(5);

    private long randomInt() {
        return Word.of(Word.INT, random.nextLong() >> 4 + random.nextInt(60));
    }

    @Test
    void numbersOfEachWidthAreKeptAlsoAcrossPages() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            Tape tape = new Tape(arena, 1024, "test");
            byte[] expected = new byte[5000];
            random.nextBytes(expected);
            tape.put(tape.allocate(expected.length), expected);
            for (int round = 0; round < 3000; round++) {
                int width = random.nextInt(1, 9);
                int at = random.nextInt(expected.length - width + 1);
                long value = random.nextLong();
                tape.put(at, value, width);
                for (int i = 0; i < width; i++) {
                    expected[at + i] = (byte) (value >>> 8 * i);
                }
                int shift = 64 - 8 * width;
                assertEquals(value << shift >> shift, tape.get(at, width));
            }
            assertArrayEquals(expected, tape.get(0, new byte[expected.length]));
        }
    }

    @Test
    void tapeIsBounded() {
        try (Arena arena = Arena.ofConfined()) {
            Tape tape = new Tape(arena, 100, "test");
            assertThrows(FormatException.Unsupported.class, () -> tape.allocate(1 << 22));
        }
    }

    @Test
    void widthIsTheLeastThatHoldsANumber() {
        for (int round = 0; round < 10_000; round++) {
            long value = random.nextLong() >> random.nextInt(64);
            int width = Word.width(value);
            int shift = 64 - 8 * width;
            assertEquals(value, value << shift >> shift);
            int less = shift + 8;
            assertTrue(width == 1 || value << less >> less != value, "value " + value);
        }
    }

    @Test
    void listsGrowLikeJavas() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            Tape tape = new Tape(arena, 1 << 20, "test");
            Records records = new Records(tape);
            for (int list = 0; list < 40; list++) {
                long container = records.newContainer(Word.LIST);
                List<Long> expected = new ArrayList<>();
                for (int batch = random.nextInt(30); batch > 0; batch--) {
                    long[] words = new long[random.nextInt(1, 40)];
                    for (int i = 0; i < words.length; i++) {
                        words[i] = random.nextInt(4) == 0
                                ? Word.of(Word.LIST, random.nextLong(tape.end() + 1))
                                : randomInt();
                        expected.add(words[i]);
                    }
                    records.append(container, words, 0, words.length);
                }
                long block = records.blockOf(container);
                assertEquals(expected.size(), block < 0 ? 0 : records.blocks().count(block));
                for (int i = 0; i < expected.size(); i++) {
                    assertEquals(expected.get(i), records.blocks().item(block, i));
                }
            }
        }
    }

    @Test
    void dictionariesKeepFirstPlaceAndLastValueOfAKey() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            for (int keys : new int[] {3, 20, 3000}) {
                Tape tape = new Tape(arena, 1 << 20, "test");
                Records records = new Records(tape);
                Dictionaries dictionaries = new Dictionaries(records, arena);
                long dict = records.newContainer(Word.DICT);
                Map<Long, Long> expected = new LinkedHashMap<>();
                for (int batch = 0; batch < keys; batch++) {
                    long[] words = new long[2 * random.nextInt(1, 6)];
                    for (int i = 0; i < words.length; i += 2) {
                        words[i] = Word.of(Word.TEXT, random.nextInt(keys));
                        words[i + 1] = randomInt();
                        expected.put(words[i], words[i + 1]);
                    }
                    dictionaries.put(dict, words, 0, words.length);
                }
                dictionaries.finish();
                long block = records.blockOf(dict);
                assertEquals(2 * expected.size(), records.blocks().count(block));
                Dictionaries.Index index = new Dictionaries.Index(records.blocks(), block, arena);
                int at = 0;
                for (Map.Entry<Long, Long> entry : expected.entrySet()) {
                    assertEquals(entry.getKey(), records.blocks().item(block, at));
                    assertEquals(entry.getValue(), records.blocks().item(block, at + 1));
                    assertEquals(at / 2, index.find(entry.getKey()));
                    at += 2;
                }
                assertEquals(-1, index.find(Word.of(Word.TEXT, keys + 1)));
            }
        }
    }

    @Test
    void columnIsZeroWhereNothingWasSet() {
        try (Arena arena = Arena.ofConfined()) {
            LongColumn column = new LongColumn(arena, 10);
            column.set(1_000_000, 7);
            assertEquals(7, column.get(1_000_000));
            assertEquals(0, column.get(999_999));
            assertEquals(0, column.get(50_000_000));
        }
    }
}
