package org.trencadis.container;

import java.io.IOException;

/** Is told before each step that changes the container's directory. Tests fail or end the process at one of them. */
@FunctionalInterface
interface Steps {
    /** Goes on. */
    Steps NONE = step -> {};

    void reach(String step) throws IOException;
}
