package org.trencadis.verify;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.trencadis.format.FormatException;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Tensor;
import org.trencadis.storage.StorageException;

/**
 * Something wrong in a checkpoint: where it is and what heals it. What does not apply is null or -1.
 *
 * @param code short stable name of the rule
 * @param message what was expected and what was found
 * @param tensor {@code name:state}
 * @param region part of the tensor
 * @param chunk ordinal in its shard
 * @param file path
 * @param offsetBytes position in the file
 * @param heal the command that heals it
 */
public record Damage(
        String code,
        String message,
        String tensor,
        String region,
        long chunk,
        String file,
        long offsetBytes,
        String heal) {
    private static final String UNREADABLE = "unreadable";

    static Damage of(String code, String message) {
        return new Damage(code, message, null, null, -1, null, -1, null);
    }

    /** What a failed read says about where it failed. */
    static Damage of(IOException failure) {
        return switch (failure) {
            case FormatException e ->
                new Damage(
                        code(e),
                        e.getMessage(),
                        null,
                        null,
                        -1,
                        e.place().resource(),
                        e.place().offsetBytes(),
                        null);
            case StorageException e ->
                new Damage("changed", e.getMessage(), null, null, -1, String.valueOf(e.file()), -1, null);
            case NoSuchFileException e ->
                new Damage("missing", e.getFile() + ": is missing", null, null, -1, e.getFile(), -1, null);
            case AccessDeniedException e ->
                of(UNREADABLE, e.getFile() + ": permission denied").inFile(e.getFile(), -1);
            case CatalogException e -> of("catalog", e.getMessage());
            default -> of(UNREADABLE, String.valueOf(failure));
        };
    }

    private static String code(FormatException e) {
        return switch (e) {
            case FormatException.Corrupt corrupt -> "corrupt";
            case FormatException.Truncated truncated -> "truncated";
            case FormatException.Unsupported unsupported -> "unsupported";
        };
    }

    Damage in(Tensor of, Object part) {
        return new Damage(
                code, message, of.key(), part == null ? null : part.toString(), chunk, file, offsetBytes, heal);
    }

    Damage inChunk(long ordinal) {
        return new Damage(code, message, tensor, region, ordinal, file, offsetBytes, heal);
    }

    Damage inFile(String path, long offset) {
        return new Damage(code, message, tensor, region, chunk, path, offset, heal);
    }

    /** What heals it; nothing is to be healed that only cannot be read. */
    Damage healedBy(String command) {
        String heal = code.equals(UNREADABLE) ? null : command;
        return new Damage(code, message, tensor, region, chunk, file, offsetBytes, heal);
    }
}
