package org.trencadis.torch;

import java.io.IOException;
import java.util.Arrays;

/** The words that an unpickler works on, and the marks between them. */
final class ValueStack {
    /** 32 MiB of words: far more than a pickle of batches of 1,000 items piles up. */
    private static final int MAX_WORDS = 1 << 22;

    private static final int MAX_MARKS = 100_000;

    private final PickleInput in;
    private long[] words = new long[256];
    private int size;
    private int[] marks = new int[16];
    private int markCount;

    ValueStack(PickleInput in) {
        this.in = in;
    }

    int size() {
        return size;
    }

    int markCount() {
        return markCount;
    }

    long[] words() {
        return words;
    }

    void push(long word) throws IOException {
        if (size == words.length) {
            if (size == MAX_WORDS) {
                throw in.unsupported("a pickle's stack is not deep", MAX_WORDS + " values", "more");
            }
            words = Arrays.copyOf(words, size * 2);
        }
        words[size++] = word;
    }

    long pop() throws IOException {
        checkHas(1);
        return words[--size];
    }

    long peek() throws IOException {
        checkHas(1);
        return words[size - 1];
    }

    /** The word under the topmost {@code above} words. */
    long peek(int above) throws IOException {
        checkHas(above + 1);
        return words[size - 1 - above];
    }

    /** Removes the topmost {@code count} words; they stay in {@link #words} behind the new size. */
    void drop(int count) throws IOException {
        checkHas(count);
        size -= count;
    }

    void mark() throws IOException {
        if (markCount == marks.length) {
            if (markCount >= MAX_MARKS) {
                throw in.unsupported("a pickle does not nest deeply", MAX_MARKS + " marks", "more");
            }
            marks = Arrays.copyOf(marks, markCount * 2);
        }
        marks[markCount++] = size;
    }

    /** Removes the topmost mark; the position of the first word above it. */
    int popMark() throws IOException {
        if (markCount == 0) {
            throw in.corrupt("a pickle's marks are in pairs", "a mark", "none");
        }
        return marks[--markCount];
    }

    boolean hasMarkOnTop() {
        return markCount > 0 && marks[markCount - 1] == size;
    }

    void truncate(int newSize) {
        size = newSize;
    }

    private void checkHas(int count) throws IOException {
        int floor = markCount == 0 ? 0 : marks[markCount - 1];
        if (size - floor < count) {
            throw in.corrupt("an opcode finds its values on the stack", count + " values", size - floor);
        }
    }
}
