package org.trencadis.fuzz;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What reading one input may cost: processor time and heap, both for any input of a few kilobytes. What costs more is a
 * finding, as an exception is.
 */
final class Budget {
    /** Instrumented code is slow, and a collection may fall into a run. */
    private static final long MAX_CPU_NANOS = 4_000_000_000L;

    /** Values of a pickle may take 64 MiB, and are made of texts that are garbage soon. */
    private static final long MAX_ALLOCATED_BYTES = 192L << 20;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final Path DIRECTORY = directory();

    private Budget() {}

    /** Reads a file; an {@link IOException} is what bad input should end in. */
    @FunctionalInterface
    interface Reading {
        void read(Path file) throws IOException;
    }

    /** Writes {@code bytes} as a file called {@code name} and reads it. */
    static void check(byte[] bytes, String name, Reading reading) {
        Path file = DIRECTORY.resolve(name);
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String excess = measure(file, bytes.length, reading);
        if (excess != null) {
            // A class may have been loaded and instrumented in the first pass.
            excess = measure(file, bytes.length, reading);
        }
        if (excess != null) {
            throw new IllegalStateException(excess);
        }
    }

    /** Reads the file; what it cost where that is too much, or null. */
    private static String measure(Path file, int bytes, Reading reading) {
        long cpu = THREADS.getCurrentThreadCpuTime();
        long heap = THREADS.getCurrentThreadAllocatedBytes();
        try {
            reading.read(file);
        } catch (IOException e) {
            // A fault with a name is what bad bytes should end in.
        }
        long cpuNanos = THREADS.getCurrentThreadCpuTime() - cpu;
        long allocatedBytes = THREADS.getCurrentThreadAllocatedBytes() - heap;
        return cpuNanos > MAX_CPU_NANOS || allocatedBytes > MAX_ALLOCATED_BYTES
                ? bytes + " bytes took " + cpuNanos + " ns and " + allocatedBytes + " bytes of heap"
                : null;
    }

    private static Path directory() {
        try {
            Path directory = Files.createTempDirectory("trencadis-fuzz");
            directory.toFile().deleteOnExit();
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
