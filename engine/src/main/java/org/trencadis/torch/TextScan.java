package org.trencadis.torch;

import java.util.SplittableRandom;

/** Reads bytes as UTF-8 once: whether they are, and a hash of them. Parts may be given one after another. */
final class TextScan {
    /** Differs per process, so that no file can be made to collide. */
    private static final int MULTIPLIER = new SplittableRandom().nextInt() << 3 | 5;

    private int hash;
    private int pending;
    private int least;
    private int most;
    private boolean isText = true;

    /** Begins anew. */
    void reset() {
        hash = 0;
        pending = 0;
        isText = true;
    }

    void scan(byte[] bytes, int from, int to) {
        int h = hash;
        for (int i = from; i < to; i++) {
            int b = bytes[i];
            h = h * MULTIPLIER + b + 1;
            if (b < 0 || pending != 0) {
                step(b & 0xFF);
            }
        }
        hash = h;
    }

    private void step(int b) {
        if (pending > 0) {
            isText &= b >= least && b <= most;
            least = 0x80;
            most = 0xBF;
            pending--;
            return;
        }
        least = 0x80;
        most = 0xBF;
        if (b >= 0xC2 && b <= 0xDF) {
            pending = 1;
        } else if (b >= 0xE0 && b <= 0xEF) {
            pending = 2;
            least = b == 0xE0 ? 0xA0 : 0x80;
            most = b == 0xED ? 0x9F : 0xBF;
        } else if (b >= 0xF0 && b <= 0xF4) {
            pending = 3;
            least = b == 0xF0 ? 0x90 : 0x80;
            most = b == 0xF4 ? 0x8F : 0xBF;
        } else {
            isText = false;
        }
    }

    /** Whether all that was scanned is UTF-8. */
    boolean isText() {
        return isText && pending == 0;
    }

    int hash() {
        int h = hash * 0x85EBCA6B;
        return h ^ h >>> 15;
    }

    static boolean isText(byte[] bytes) {
        TextScan scan = new TextScan();
        scan.scan(bytes, 0, bytes.length);
        return scan.isText();
    }

    static int hash(byte[] bytes) {
        TextScan scan = new TextScan();
        scan.scan(bytes, 0, bytes.length);
        return scan.hash();
    }
}
