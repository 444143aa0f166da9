package org.trencadis;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.trencadis.index.Catalog;
import org.trencadis.index.ViewedCatalog;
import org.trencadis.layout.view.Names;

/** Shows an open catalog under the names that were asked for. */
final class Viewing {
    private static final long MAX_FILE_BYTES = 1 << 20;

    private Viewing() {}

    /**
     * The views of {@code catalog}, which is closed; or itself where its names stay.
     *
     * @param what names it in messages
     */
    static Catalog apply(Catalog catalog, NameOptions options, String what) throws IOException {
        if (options.isNone()) {
            return catalog;
        }
        try (catalog) {
            Names names = names(catalog, options);
            Catalog viewed = ViewedCatalog.build(catalog, names, names.said(), what);
            if (options.strict() && !names.unused().isEmpty()) {
                viewed.close();
                throw new IOException(what + ": " + names.unused().getFirst() + " matches no name; `trencadis ls "
                        + what + "` lists them");
            }
            return viewed;
        }
    }

    private static Names names(Catalog catalog, NameOptions options) throws IOException {
        String naming = options.naming();
        if (naming == null || !isFile(naming)) {
            return Names.of(catalog, options.renames(), naming);
        }
        Path file = Path.of(naming);
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new IOException(file + ": " + Files.size(file) + " bytes are too many for a file of rules");
        }
        try {
            return Names.ofFile(catalog, options.renames(), naming, Files.readString(file));
        } catch (CharacterCodingException e) {
            throw new IOException(file + ": is no text in UTF-8", e);
        }
    }

    /** A naming that is known has no dot or slash in its name, a file of rules has. */
    private static boolean isFile(String naming) {
        int comma = naming.indexOf(',');
        String word = comma < 0 ? naming : naming.substring(0, comma);
        return word.indexOf('/') >= 0 || word.indexOf('.') >= 0;
    }
}
