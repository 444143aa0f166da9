package org.trencadis;

import java.io.IOException;
import org.trencadis.index.Catalog;
import org.trencadis.index.ViewedCatalog;
import org.trencadis.layout.view.Names;

/** Shows an open catalog under the names that were asked for. */
final class Viewing {
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
            Names names = Names.of(options.renames(), options.naming(), catalog);
            Catalog viewed = ViewedCatalog.build(catalog, names, names.said(), what);
            if (options.strict() && !names.unusedRenames().isEmpty()) {
                viewed.close();
                throw new IOException(
                        what + ": rename '" + names.unusedRenames().getFirst() + "' matches no name; `trencadis ls "
                                + what + "` lists them");
            }
            return viewed;
        }
    }
}
