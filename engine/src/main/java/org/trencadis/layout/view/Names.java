package org.trencadis.layout.view;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.index.Catalog;
import org.trencadis.index.View;
import org.trencadis.index.ViewedCatalog;
import org.trencadis.layout.LayoutException;

/**
 * The names under which a checkpoint is to be seen: first renames, then a naming that is known.
 *
 * <p>For one catalog; not safe for several threads.
 */
public final class Names implements ViewedCatalog.Naming {
    private final List<Rename> renames = new ArrayList<>();
    private final Set<Rename> used = new HashSet<>();
    private final List<NameRule> rules = new ArrayList<>();
    private final String said;

    private Names(List<Rename> renames, String said) {
        this.renames.addAll(renames);
        this.said = said;
    }

    /**
     * Names for {@code catalog}.
     *
     * @param renames each {@code REGEX=REPLACEMENT}; the first that matches a name from its start renames it
     * @param naming a naming that is known, with settings, as in {@code megatron-llama,heads=32,kv=8}; or null
     * @throws LayoutException where one is not understood, or the catalog's tensors have no naming that is known
     */
    public static Names of(List<String> renames, String naming, Catalog catalog) throws IOException {
        List<Rename> parsed = new ArrayList<>();
        for (String text : renames) {
            parsed.add(Rename.parse(text));
        }
        List<String> said = new ArrayList<>(renames);
        if (naming != null) {
            said.add(naming);
        }
        Names names = new Names(parsed, String.join("; ", said));
        if (naming != null) {
            names.rules.addAll(Naming.parse(naming).rules(names.renamed(catalog), catalog));
        }
        return names;
    }

    /** All names of a catalog, renamed. */
    private Set<String> renamed(Catalog catalog) throws IOException {
        Set<String> names = new LinkedHashSet<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            String name = catalog.tensor(ordinal).name();
            Rename rule = Rename.findFirst(renames, name);
            names.add(rule == null ? name : rule.find(name));
        }
        return names;
    }

    /** What was asked for, in one line. */
    public String said() {
        return said;
    }

    /** The renames that matched no name of any state so far, as they were written. */
    public List<String> unusedRenames() {
        List<String> unused = new ArrayList<>();
        for (Rename rename : new LinkedHashSet<>(renames)) {
            if (!used.contains(rename)) {
                unused.add(rename.text());
            }
        }
        return unused;
    }

    @Override
    public List<View> views(String state, Map<String, long[]> shapes) throws IOException {
        ViewSet tensors = new ViewSet(state, shapes);
        if (!renames.isEmpty()) {
            Rename.apply(renames, tensors, used);
        }
        for (NameRule rule : rules) {
            rule.apply(tensors);
        }
        return tensors.views();
    }
}
