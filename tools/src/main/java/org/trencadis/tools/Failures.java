package org.trencadis.tools;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** What went wrong, in one line that says what to do next. */
final class Failures {
    private Failures() {}

    static boolean isClosedOutput(Throwable failure) {
        return find(failure, Streams.ClosedException.class) != null;
    }

    static boolean isInterrupt(Throwable failure) {
        return find(failure, InterruptedIOException.class) != null
                || find(failure, ClosedByInterruptException.class) != null
                || find(failure, InterruptedException.class) != null;
    }

    private static <T extends Throwable> T find(Throwable failure, Class<T> type) {
        Throwable each = failure;
        for (int depth = 0; each != null && depth < 16; depth++) {
            if (type.isInstance(each)) {
                return type.cast(each);
            }
            each = each.getCause();
        }
        return null;
    }

    static String message(Throwable failure) {
        return oneLine(text(failure));
    }

    private static String text(Throwable failure) {
        return switch (failure) {
            case NoSuchFileException e -> e.getFile() + ": no such file or directory; check the path";
            case AccessDeniedException e -> e.getFile() + ": permission denied; run as a user who may";
            case FileAlreadyExistsException e ->
                e.getFile() + ": exists already and is not replaced; choose another name or remove it first";
            case NotDirectoryException e -> e.getFile() + ": is no directory; check the path";
            case FileSystemException e -> e.getMessage() + hint(e);
            case UsageException e -> e.getMessage();
            case IOException e -> e.getMessage() == null ? internal(e) : e.getMessage() + hint(e);
            case OutOfMemoryError e ->
                "out of memory (" + e.getMessage() + "); report this with the command that you ran";
            case InternalError e -> isCutFile(e) ? "a file was cut while it was read; run again" : internal(e);
            default -> internal(failure);
        };
    }

    /** Whether the JVM read a mapping beyond the end of its file. */
    private static boolean isCutFile(InternalError failure) {
        return String.valueOf(failure.getMessage()).contains("memory access");
    }

    private static String internal(Throwable failure) {
        return "internal error: " + failure + "; run again with --stacktrace and report what it prints";
    }

    private static String hint(IOException e) {
        return String.valueOf(e.getMessage()).contains("No space left on device")
                ? "; free some space or choose another disk"
                : "";
    }

    private static String oneLine(String text) {
        return Printable.name(text.replaceAll("\\R\\s*", " "));
    }
}
