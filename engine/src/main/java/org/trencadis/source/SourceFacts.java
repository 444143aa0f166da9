package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import org.trencadis.format.Value;
import org.trencadis.index.CatalogBuilder;

/** What every reader says of a checkpoint: who read it, why, and where its files lie. */
public final class SourceFacts {
    private SourceFacts() {}

    /**
     * Adds the facts {@code source}, {@code evidence} and {@code base}, and {@code base_links} where a file is a link that
     * leads elsewhere: Hugging Face's cache is made of such links.
     *
     * @param base real path of the directory that the files are in
     * @param names of the files
     */
    public static void add(
            CatalogBuilder builder, String source, List<String> evidence, Path base, Collection<String> names)
            throws IOException {
        builder.addFact("source", new Value.Text(source));
        builder.addFact("evidence", texts(evidence));
        builder.addFact("base", new Value.Text(base.toString()));
        TreeSet<String> links = new TreeSet<>();
        for (String name : names) {
            Path real = base.resolve(name).toRealPath();
            if (!real.startsWith(base)) {
                links.add(real.getParent().toString());
            }
        }
        if (!links.isEmpty()) {
            builder.addFact("base_links", texts(links));
        }
    }

    /** Texts as a value. */
    public static Value texts(Collection<String> texts) {
        List<Value> values = new ArrayList<>();
        texts.forEach(text -> values.add(new Value.Text(text)));
        return new Value.Sequence(values);
    }
}
