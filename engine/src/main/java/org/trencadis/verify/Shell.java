package org.trencadis.verify;

/** Words of a POSIX shell's command line. */
public final class Shell {
    private Shell() {}

    /** {@code word} as one word, in quotes where it needs them. */
    public static String quote(Object word) {
        String text = String.valueOf(word);
        return text.matches("[A-Za-z0-9_@%+=:,./-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
