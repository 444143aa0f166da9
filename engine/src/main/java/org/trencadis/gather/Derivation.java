package org.trencadis.gather;

import org.trencadis.index.Tensor;

/**
 * Whether a model tensor turned out to be the rounding of its master. Safe for several threads, in whose order it does not
 * depend: the first element that differs is kept, whichever is found first.
 */
final class Derivation {
    final Tensor model;
    private long firstElement = Long.MAX_VALUE;
    private int firstCopy;

    Derivation(Tensor model) {
        this.model = model;
    }

    /** Whether an element of {@code copy} from {@code element} on could come before what is known to differ. */
    synchronized boolean isOpen(int copy, long element) {
        return copy < firstCopy || firstElement == Long.MAX_VALUE || copy == firstCopy && element < firstElement;
    }

    /** Takes an element that is not the rounding of its master. */
    synchronized void refute(int copy, long element) {
        if (isOpen(copy, element)) {
            firstCopy = copy;
            firstElement = element;
        }
    }

    synchronized boolean holds() {
        return firstElement == Long.MAX_VALUE;
    }

    /** The first element of the first copy that was found to differ. */
    synchronized long firstElement() {
        return firstElement;
    }
}
