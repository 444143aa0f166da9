package org.trencadis.tools;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Where a command's results and messages go: results to the output, everything else to the messages.
 *
 * <p>The output reports a reader that went away, which {@link PrintStream} would hide.
 */
final class Streams {
    private static final int BUFFER_BYTES = 1 << 16;

    private final OutputStream out;
    private final PipeOutput pipe;
    private final PrintStream messages;
    private final boolean isOutputTerminal;
    private final boolean areMessagesOnTerminal;

    private Streams(PipeOutput pipe, PrintStream messages, boolean outputTerminal, boolean messagesTerminal) {
        this.pipe = pipe;
        this.out = new BufferedOutputStream(pipe, BUFFER_BYTES);
        this.messages = messages;
        this.isOutputTerminal = outputTerminal;
        this.areMessagesOnTerminal = messagesTerminal;
    }

    /** The streams of this process; the launcher says by {@code trencadis.terminals} which of them are terminals. */
    static Streams ofProcess() {
        String terminals = System.getProperty("trencadis.terminals", "");
        return new Streams(
                new PipeOutput(new FileOutputStream(FileDescriptor.out)),
                new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
                terminals.contains("1"),
                terminals.contains("2"));
    }

    static Streams of(OutputStream out, OutputStream messages) {
        return new Streams(new PipeOutput(out), new PrintStream(messages, true, StandardCharsets.UTF_8), false, false);
    }

    /** Results, in bytes. */
    OutputStream out() {
        return out;
    }

    /** Writes one line of results. */
    void line(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.write('\n');
    }

    /** Writes one line of tab-separated fields. */
    void fields(Object... fields) throws IOException {
        line(Arrays.stream(fields).map(String::valueOf).collect(Collectors.joining("\t")));
    }

    /** Whether a write waits for a reader, which no interrupt ends. */
    boolean isWriting() {
        return pipe.isWriting;
    }

    PrintStream messages() {
        return messages;
    }

    boolean isOutputTerminal() {
        return isOutputTerminal;
    }

    boolean areMessagesOnTerminal() {
        return areMessagesOnTerminal;
    }

    /** The reader of the output is gone: there is nothing left to do, and nothing to complain about. */
    static final class ClosedException extends IOException {
        private static final long serialVersionUID = 1L;

        ClosedException(IOException cause) {
            super(cause);
        }
    }

    /** Tells a closed pipe from other failures. */
    private static final class PipeOutput extends OutputStream {
        private final OutputStream next;
        private volatile boolean isWriting;

        PipeOutput(OutputStream next) {
            this.next = next;
        }

        @Override
        public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int count) throws IOException {
            isWriting = true;
            try {
                next.write(bytes, offset, count);
            } catch (IOException e) {
                throw "Broken pipe".equals(e.getMessage()) ? new ClosedException(e) : e;
            } finally {
                isWriting = false;
            }
        }
    }
}
