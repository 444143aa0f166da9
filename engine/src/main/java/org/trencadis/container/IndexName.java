package org.trencadis.container;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.index.CatalogException;

/**
 * The name of an index file: the checkpoint's name, its generation, and whether it is the index or its twin.
 *
 * @param generation from 1; the highest one is the checkpoint
 */
record IndexName(String name, long generation, boolean twin) {
    /** The generation of a new checkpoint. */
    static final long FIRST = 1;

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}");
    private static final Pattern FILE = Pattern.compile("(" + NAME.pattern() + ")\\.([1-9][0-9]{0,17})\\.(idx|twin)");

    /** Refuses what cannot be the name of a checkpoint. */
    static void checkName(String name) throws CatalogException {
        if (!NAME.matcher(name).matches()) {
            throw new CatalogException("a checkpoint cannot be called \"" + name
                    + "\": a name has 1 to 128 characters of A-Z a-z 0-9 . _ - and starts with none of . and -");
        }
    }

    /** What a file name says, or null where it is none of an index. */
    static IndexName find(String fileName) {
        Matcher matcher = FILE.matcher(fileName);
        return matcher.matches()
                ? new IndexName(
                        matcher.group(1),
                        Long.parseLong(matcher.group(2)),
                        matcher.group(3).equals("twin"))
                : null;
    }

    String fileName() {
        return name + "." + generation + (twin ? ".twin" : ".idx");
    }
}
