package org.trencadis.gather;

import org.trencadis.index.Tensor;

/** Whether a model tensor turned out to be the rounding of its master. Safe for several threads. */
final class Derivation {
    final Tensor model;
    private long firstElement = Long.MAX_VALUE;
    private int firstCopy;

    Derivation(Tensor model) {
        this.model = model;
    }

    /** Takes an element that is not the rounding of its master. */
    synchronized void refute(int copy, long element) {
        if (copy < firstCopy || firstElement == Long.MAX_VALUE || copy == firstCopy && element < firstElement) {
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
