package org.trencadis.source.dcp;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What stands before the parameters of each of several optimizers, so that those of two models do not share a name: the
 * place of the model that has them, else the optimizer's own.
 */
final class OptimizerScopes {
    private OptimizerScopes() {}

    /**
     * The scopes by optimizer, each empty or ending in a dot; empty for those whose names need none.
     *
     * @param parameters by optimizer
     * @param models by place, the names of the tensors there
     * @param modelRoot the place that names of the model are without, or null
     */
    static Map<String, String> of(
            Map<String, Set<String>> parameters, Map<String, Set<String>> models, String modelRoot) {
        Map<String, String> homes = new HashMap<>();
        parameters.forEach((optimizer, names) -> homes.put(optimizer, findHome(optimizer, names, models)));
        boolean areShared = areShared(parameters);
        if (!areShared && modelRoot != null) {
            return Map.of();
        }
        Set<String> taken = new HashSet<>();
        boolean haveOwn = homes.values().stream().allMatch(home -> home != null && taken.add(home));
        Map<String, String> scopes = new HashMap<>();
        for (Map.Entry<String, String> entry : homes.entrySet()) {
            String home = haveOwn ? entry.getValue() : areShared ? StateNames.states(entry.getKey()) : "";
            scopes.put(entry.getKey(), home.isEmpty() || home.equals(modelRoot) ? "" : home + '.');
        }
        return scopes;
    }

    private static boolean areShared(Map<String, Set<String>> parameters) {
        Set<String> all = new HashSet<>();
        return parameters.values().stream().flatMap(Set::stream).anyMatch(name -> !all.add(name));
    }

    /** The place nearest to the optimizer of those that have all of its parameters; null where none or two are. */
    private static String findHome(String optimizer, Set<String> names, Map<String, Set<String>> models) {
        String home = null;
        int nearest = -1;
        for (Map.Entry<String, Set<String>> model : models.entrySet()) {
            if (!names.isEmpty() && model.getValue().containsAll(names)) {
                int common = commonSteps(optimizer, model.getKey());
                home = common > nearest ? model.getKey() : common == nearest ? null : home;
                nearest = Math.max(nearest, common);
            }
        }
        return home;
    }

    private static int commonSteps(String left, String right) {
        List<String> first = List.of(left.split("\\."));
        List<String> second = List.of(right.split("\\."));
        int common = 0;
        while (common < Math.min(first.size(), second.size())
                && first.get(common).equals(second.get(common))) {
            common++;
        }
        return common;
    }
}
