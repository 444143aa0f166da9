package org.trencadis.source.deepspeed;

import java.nio.file.Path;
import java.util.List;
import org.trencadis.source.Attachments;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.storage.FileCache;

/** What the parts of one reading of a DeepSpeed checkpoint share. */
record Reading(
        Draft draft,
        FileCache cache,
        Geometry geometry,
        Parameters parameters,
        GroupBook groups,
        Attachments attachments) {
    /** The name of the state of master weights. */
    static final String MASTER = "fp32";

    /** The name of the state of the module's own tensors. */
    static final String MODEL = "model";

    /** The set of the single rank that wrote an optimizer file. */
    int holder(int mp, int d) {
        return draft.builder().addHolders(List.of(geometry.rank(mp, d)));
    }

    /** The set of ranks that held the module of a model-parallel rank. */
    int holders(int mp) {
        return draft.builder().addHolders(geometry.ranks(mp));
    }

    void finding(String code, String text) {
        draft.builder().addFinding("deepspeed." + code, text);
    }

    String relative(Path file) {
        return draft.relative(file);
    }
}
