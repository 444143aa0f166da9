package org.trencadis.torch;

import org.trencadis.format.FormatException;

/** How much memory values of a pickle may take: one text may be referred to a million times, and is repeated each time. */
public final class ValueBudget {
    /** Enough for any state that is no tensor, and a part of a small heap. */
    private static final long STANDARD_BYTES = 64L << 20;

    /** What an object of a value takes at least. */
    private static final int OBJECT_BYTES = 64;

    private long leftBytes = STANDARD_BYTES;

    /** Takes what a name takes beside the value that it is for. */
    public void takeName(String name, Node node) throws FormatException {
        take(name.length(), node);
    }

    /** Takes what one more value of {@code inlineBytes} bytes needs. */
    void take(long inlineBytes, Node node) throws FormatException {
        leftBytes -= OBJECT_BYTES + inlineBytes;
        if (leftBytes < 0) {
            throw new FormatException.Unsupported(
                    "values that are no tensors are small", STANDARD_BYTES + " bytes together", "more", node.place());
        }
    }
}
