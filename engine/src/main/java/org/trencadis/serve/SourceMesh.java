package org.trencadis.serve;

import java.io.IOException;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;

/**
 * The layout of the job that wrote the checkpoint, as far as the catalog says it.
 *
 * @param zeroStage -1 where it is not known
 */
record SourceMesh(long zeroStage, long tp, long pp) {
    static SourceMesh read(Catalog catalog) throws IOException {
        ValueTree facts = new ValueTree(catalog.facts());
        Value geometry = facts.find(facts.root(), "geometry");
        if (geometry == null) {
            return new SourceMesh(-1, 1, 1);
        }
        return new SourceMesh(
                facts.number(facts.find(geometry, "zero_stage"), -1),
                facts.number(facts.find(geometry, "tp"), 1),
                facts.number(facts.find(geometry, "pp"), 1));
    }
}
