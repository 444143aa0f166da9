package org.trencadis.layout.view;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.index.Catalog;
import org.trencadis.index.View;
import org.trencadis.index.ViewedCatalog;
import org.trencadis.layout.LayoutException;
import org.trencadis.layout.NamesDocument;

/**
 * The names under which a checkpoint is to be seen: first renames, then a naming that is known, or the rules of a file.
 *
 * <p>For one catalog; not safe for several threads.
 */
public final class Names implements ViewedCatalog.Naming {
    private final Catalog catalog;
    private final List<Rename> renames = new ArrayList<>();
    private final List<RuleFile.Step> steps = new ArrayList<>();
    private final String said;
    private final Set<Object> used = new HashSet<>();

    /** The names of all states before a rule works. */
    @FunctionalInterface
    interface Sight {
        Collection<String> namesBefore(NameRule rule) throws LayoutException;
    }

    private Names(Catalog catalog, List<String> renames, String naming) throws LayoutException {
        this.catalog = catalog;
        List<String> said = new ArrayList<>(renames);
        if (naming != null) {
            said.add(naming);
        }
        this.said = String.join("; ", said);
        for (String text : renames) {
            this.renames.add(Rename.parse(text));
        }
    }

    /**
     * Names for {@code catalog}.
     *
     * @param renames each {@code REGEX=REPLACEMENT}; the first that matches a name from its start renames it
     * @param naming a naming that is known, with settings, as in {@code megatron-llama,heads=32,kv=8}; or null
     * @throws LayoutException where one is not understood, or the catalog's tensors have no naming that is known
     */
    public static Names of(Catalog catalog, List<String> renames, String naming) throws IOException {
        Names names = new Names(catalog, renames, naming);
        if (naming != null) {
            List<NameRule> rules = Naming.parse(naming).rules(names.namesBefore(null), catalog);
            names.steps.add(new RuleFile.Step(naming, tensors -> {
                for (NameRule rule : rules) {
                    rule.apply(tensors);
                }
                return true;
            }));
        }
        return names;
    }

    /**
     * Names for {@code catalog} by the rules of a file.
     *
     * @param file names it in messages
     * @throws LayoutException saying where the text is not understood
     */
    public static Names ofFile(Catalog catalog, List<String> renames, String file, String text) throws IOException {
        // Without its directory: what is stored does not depend on where a file lay.
        Names names = new Names(catalog, renames, file.substring(file.lastIndexOf('/') + 1));
        names.steps.addAll(RuleFile.steps(NamesDocument.read(text, file), catalog, names::namesBefore));
        return names;
    }

    /** What was asked for, in one line. */
    public String said() {
        return said;
    }

    /** The renames and rules that matched no tensor of any state so far. */
    public List<String> unused() {
        List<String> unused = new ArrayList<>();
        for (Rename rename : new LinkedHashSet<>(renames)) {
            if (!used.contains(rename)) {
                unused.add("rename '" + rename.text() + "'");
            }
        }
        for (RuleFile.Step step : steps) {
            if (!used.contains(step)) {
                unused.add(step.text());
            }
        }
        return unused;
    }

    /** The names of all states once the steps before the one with {@code rule} are done; before all of them for null. */
    private Collection<String> namesBefore(NameRule rule) throws LayoutException {
        Set<String> names = new LinkedHashSet<>();
        try {
            for (String state : catalog.states()) {
                Map<String, long[]> shapes = new LinkedHashMap<>();
                for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
                    if (catalog.tensor(ordinal).state().equals(state)) {
                        shapes.put(
                                catalog.tensor(ordinal).name(),
                                catalog.tensor(ordinal).shape());
                    }
                }
                ViewSet tensors = renamed(state, shapes);
                for (RuleFile.Step step : steps) {
                    if (step.rule().equals(rule)) {
                        break;
                    }
                    step.rule().apply(tensors);
                }
                names.addAll(tensors.liveNames());
            }
        } catch (LayoutException e) {
            throw e;
        } catch (IOException e) {
            throw new LayoutException("names: the catalog cannot be read: " + e.getMessage(), e);
        }
        return names;
    }

    private ViewSet renamed(String state, Map<String, long[]> shapes) throws LayoutException {
        ViewSet tensors = new ViewSet(state, shapes);
        if (!renames.isEmpty()) {
            Set<Rename> matched = new HashSet<>();
            Rename.apply(renames, tensors, matched);
            used.addAll(matched);
        }
        return tensors;
    }

    @Override
    public List<View> views(String state, Map<String, long[]> shapes) throws IOException {
        ViewSet tensors = renamed(state, shapes);
        for (RuleFile.Step step : steps) {
            if (step.rule().apply(tensors)) {
                used.add(step);
            }
        }
        return tensors.views();
    }
}
