package org.trencadis;

/**
 * Something wrong in a checkpoint: where, and what heals it. What does not apply is null or -1.
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
public record VerifyFinding(
        String code,
        String message,
        String tensor,
        String region,
        long chunk,
        String file,
        long offsetBytes,
        String heal) {}
