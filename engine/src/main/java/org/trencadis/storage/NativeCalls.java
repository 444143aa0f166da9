package org.trencadis.storage;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * The few C functions that speed up reading and writing on Linux. Everything is right without them: a function that is
 * missing does nothing.
 */
final class NativeCalls {
    /** No advice: pages are read ahead as far as the system thinks fit. */
    static final int MADV_NORMAL = 0;
    /** Pages are needed here and there: each is read alone. */
    static final int MADV_RANDOM = 1;
    /** Starts writing dirty pages of the range to the device, without waiting for them. */
    private static final int SYNC_FILE_RANGE_WRITE = 2;

    private static final int NO_DESCRIPTOR = -1;

    private static final int O_WRONLY = 1;
    private static final int O_CLOEXEC = 0x80000;

    private static final MethodHandle OPEN =
            find("open", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final MethodHandle CLOSE =
            find("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle FALLOCATE = find(
            "fallocate",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG));
    private static final MethodHandle MADVISE = find(
            "madvise",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private static final MethodHandle SYNC_FILE_RANGE = find(
            "sync_file_range",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT));

    private static final MethodHandle FDATASYNC =
            find("fdatasync", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private NativeCalls() {}

    @SuppressWarnings("restricted")
    private static MethodHandle find(String name, FunctionDescriptor shape) {
        boolean linux = System.getProperty("os.name", "").startsWith("Linux");
        if (!linux || !NativeCalls.class.getModule().isNativeAccessEnabled()) {
            return null;
        }
        SymbolLookup lookup = Linker.nativeLinker().defaultLookup();
        return lookup.find(name)
                .map(symbol -> Linker.nativeLinker().downcallHandle(symbol, shape))
                .orElse(null);
    }

    /** Advises the kernel about a page-aligned part of a mapping; failure is harmless and ignored. */
    static void advise(MemorySegment mapped, long bytes, int advice) {
        if (MADVISE == null) {
            return;
        }
        try {
            int ignored = (int) MADVISE.invokeExact(mapped, bytes, advice);
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }

    /**
     * Reserves the blocks of an existing file, so that writing neither fragments it nor meets a full disk half-way.
     *
     * @return false where the system would not, for whatever reason; the first write then says why
     */
    static boolean reserve(Path file, long bytes) {
        if (FALLOCATE == null || bytes == 0) {
            return false;
        }
        int descriptor = open(file);
        if (descriptor < 0) {
            return false;
        }
        try {
            return reserve(descriptor, bytes);
        } finally {
            close(descriptor);
        }
    }

    private static boolean reserve(int descriptor, long bytes) {
        if (FALLOCATE == null) {
            return false;
        }
        try {
            return (int) FALLOCATE.invokeExact(descriptor, 0, 0L, bytes) == 0;
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }

    /** A descriptor of an existing file for writing, or -1 where there is none to have. */
    static int open(Path file) {
        if (OPEN == null || CLOSE == null) {
            return -1;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(file.toAbsolutePath().toString());
            return (int) OPEN.invokeExact(name, O_WRONLY | O_CLOEXEC);
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }

    /** Closes what {@link #open} opened. */
    static void close(int descriptor) {
        try {
            int ignored = (int) CLOSE.invokeExact(descriptor);
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }

    /** Makes each call that writing needs once, without effect: the JVM builds what it calls C with at the first call. */
    static void prepareWriting() {
        close(open(Path.of("/dev/null")));
        startWriteback(NO_DESCRIPTOR, 0, 0);
        boolean ignored = forceData(NO_DESCRIPTOR) | reserve(NO_DESCRIPTOR, 0);
    }

    /**
     * Starts writing a part of a file to the device; failure is harmless and ignored, as forcing the file tells.
     */
    static void startWriteback(int descriptor, long offset, long bytes) {
        if (SYNC_FILE_RANGE == null) {
            return;
        }
        try {
            int ignored = (int) SYNC_FILE_RANGE.invokeExact(descriptor, offset, bytes, SYNC_FILE_RANGE_WRITE);
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }

    /** Forces a file's data to the device, and returns false where that failed. */
    static boolean forceData(int descriptor) {
        if (FDATASYNC == null) {
            return true;
        }
        try {
            return (int) FDATASYNC.invokeExact(descriptor) == 0;
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }
}
