package org.trencadis.tools;

/** Arguments that parse but make no sense: exit code 3. */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
        super(message);
    }
}
