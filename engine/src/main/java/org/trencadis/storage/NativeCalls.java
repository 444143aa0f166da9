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
 *
 * <p>Linking a function takes the JVM some hundredths of a second, so that each use links its own.
 */
final class NativeCalls {
    /** No advice: pages are read ahead as far as the system thinks fit. */
    static final int MADV_NORMAL = 0;
    /** Pages are needed here and there: each is read alone. */
    static final int MADV_RANDOM = 1;

    private static final int O_WRONLY = 1;
    private static final int O_CLOEXEC = 0x80000;

    private NativeCalls() {}

    /** What {@link #advise} calls. */
    private static final class Advising {
        static final MethodHandle MADVISE = find(
                "madvise",
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

        private Advising() {}
    }

    /** What {@link #reserve} calls. */
    private static final class Reserving {
        static final MethodHandle OPEN =
                find("open", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        static final MethodHandle CLOSE =
                find("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        static final MethodHandle FALLOCATE = find(
                "fallocate",
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG));

        private Reserving() {}
    }

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
        if (Advising.MADVISE == null) {
            return;
        }
        try {
            int ignored = (int) Advising.MADVISE.invokeExact(mapped, bytes, advice);
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }

    /**
     * Reserves the blocks of an existing file, so that writing to its mapping cannot meet a full disk.
     *
     * @return false where the system would not, for whatever reason
     */
    static boolean reserve(Path file, long bytes) {
        if (bytes == 0 || Reserving.FALLOCATE == null || Reserving.OPEN == null || Reserving.CLOSE == null) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(file.toAbsolutePath().toString());
            int descriptor = (int) Reserving.OPEN.invokeExact(name, O_WRONLY | O_CLOEXEC);
            if (descriptor < 0) {
                return false;
            }
            boolean reserved = (int) Reserving.FALLOCATE.invokeExact(descriptor, 0, 0L, bytes) == 0;
            int ignored = (int) Reserving.CLOSE.invokeExact(descriptor);
            return reserved;
        } catch (Throwable e) {
            throw new AssertionError("a native call does not throw", e);
        }
    }
}
