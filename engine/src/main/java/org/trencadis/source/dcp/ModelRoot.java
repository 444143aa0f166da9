package org.trencadis.source.dcp;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.source.distcp.SavedEntry.Step;

/**
 * The dictionary of the model: the one whose keys are the parameters of the optimizers, or that is called so.
 *
 * @param place of the model, or null where it is not known or is the root
 * @param held by each place that may be a model's, the names there
 */
record ModelRoot(String place, Map<String, Set<String>> held) {
    static final String MODEL = "model";

    /**
     * Finds it.
     *
     * @param entries that are of no optimizer
     * @param parameters that the optimizers name
     */
    static ModelRoot of(List<SavedEntry> entries, Set<String> parameters) {
        Map<String, Set<String>> held = new LinkedHashMap<>();
        boolean atRoot = false;
        Set<String> heads = new LinkedHashSet<>();
        for (SavedEntry entry : entries) {
            if (!entry.isTensor()) {
                continue;
            }
            List<Step> path = entry.path();
            if (path == null) {
                addPrefixes(entry.name(), parameters, held);
            } else if (!path.getLast().index()) {
                String head = PathPart.join(path.subList(0, path.size() - 1));
                heads.add(head);
                held.computeIfAbsent(head, missing -> new HashSet<>())
                        .add(path.getLast().text());
            }
            atRoot |= path == null || path.size() < 2;
        }
        String found = chosen(held.entrySet().stream()
                .filter(entry -> !parameters.isEmpty() && entry.getValue().containsAll(parameters))
                .map(Map.Entry::getKey)
                .toList());
        if (found == null && !atRoot && heads.size() == 1) {
            found = heads.iterator().next();
        }
        if (found == null) {
            found = chosen(heads.stream().filter(ModelRoot::isModel).toList());
        }
        return new ModelRoot(found == null || found.isEmpty() ? null : found, held);
    }

    /** Where paths are unknown, every dot may end the place of the model. */
    private static void addPrefixes(String name, Set<String> parameters, Map<String, Set<String>> held) {
        if (parameters.contains(name)) {
            held.computeIfAbsent("", missing -> new HashSet<>()).add(name);
        }
        for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
            if (parameters.contains(name.substring(dot + 1))) {
                held.computeIfAbsent(name.substring(0, dot), missing -> new HashSet<>())
                        .add(name.substring(dot + 1));
            }
        }
    }

    private static boolean isModel(String head) {
        return head.equals(MODEL) || head.endsWith('.' + MODEL);
    }

    /** The only one of several places, or the only one that is called a model (beside averages of it); else null. */
    private static String chosen(List<String> heads) {
        if (heads.size() == 1) {
            return heads.getFirst();
        }
        List<String> models = heads.stream().filter(ModelRoot::isModel).toList();
        return models.size() == 1 ? models.getFirst() : null;
    }
}
