package org.trencadis;

/** Hears how far a long piece of work is. Called by several threads. */
public interface Progress {
    /** Nobody listens. */
    Progress NONE = new Progress() {
        @Override
        public void start(long totalBytes) {}

        @Override
        public void advance(long bytes) {}
    };

    /** The work begins; {@code totalBytes} of tensors will be handled, 0 where that is not known. */
    void start(long totalBytes);

    /** Another {@code bytes} are done. */
    void advance(long bytes);
}
