package org.trencadis.source.deepspeed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds out which parameters the numbers of an optimizer without names stand for. Each group lists parameters in the order
 * of the module; shapes must agree. A number is assigned only where every way to do so assigns it alike.
 */
final class IdAssignment {
    static final int UNKNOWN = -1;

    /** States that the search may hold; beyond that nothing is assigned. */
    private static final int MAX_STATES = 1 << 18;

    private final List<long[]> parameters;
    private final List<List<long[]>> groups;

    private IdAssignment(List<long[]> parameters, List<List<long[]>> groups) {
        this.parameters = parameters;
        this.groups = groups;
    }

    /**
     * Assigns the members of groups to parameters.
     *
     * @param parameters shapes in the module's order
     * @param groups shapes of the members in their order; null where a member's is not known
     * @return by group and member: position of the parameter, or {@link #UNKNOWN}
     */
    static int[][] solve(List<long[]> parameters, List<List<long[]>> groups) {
        return new IdAssignment(parameters, groups).solve();
    }

    private int[][] solve() {
        int[][] found = new int[groups.size()][];
        for (int group = 0; group < found.length; group++) {
            found[group] = new int[groups.get(group).size()];
            Arrays.fill(found[group], UNKNOWN);
        }
        List<Set<List<Integer>>> reached = reach();
        if (reached == null) {
            return found;
        }
        List<Integer> all = groups.stream().map(List::size).toList();
        if (!reached.getLast().contains(all)) {
            return found;
        }
        collect(reached, all, found);
        return found;
    }

    /** After each parameter: how many members each group may have placed by then; null where there are too many ways. */
    private List<Set<List<Integer>>> reach() {
        List<Set<List<Integer>>> reached = new ArrayList<>();
        reached.add(Set.of(groups.stream().map(group -> 0).toList()));
        long states = 1;
        for (long[] parameter : parameters) {
            Set<List<Integer>> next = new HashSet<>(reached.getLast());
            for (List<Integer> placed : reached.getLast()) {
                for (int group = 0; group < groups.size(); group++) {
                    if (takes(group, placed.get(group), parameter)) {
                        next.add(changed(placed, group, 1));
                    }
                }
            }
            states += next.size();
            if (states > MAX_STATES) {
                return null;
            }
            reached.add(next);
        }
        return reached;
    }

    private boolean takes(int group, int member, long[] parameter) {
        if (member >= groups.get(group).size()) {
            return false;
        }
        long[] shape = groups.get(group).get(member);
        return shape == null || Arrays.equals(shape, parameter);
    }

    private static List<Integer> changed(List<Integer> placed, int group, int by) {
        List<Integer> changed = new ArrayList<>(placed);
        changed.set(group, placed.get(group) + by);
        return List.copyOf(changed);
    }

    /** Walks back over all ways that end with every member placed and keeps what all of them say. */
    private void collect(List<Set<List<Integer>>> reached, List<Integer> all, int[][] found) {
        Map<Integer, Set<Integer>> ways = new HashMap<>();
        Set<List<Integer>> open = Set.of(all);
        for (int parameter = parameters.size() - 1; parameter >= 0; parameter--) {
            Set<List<Integer>> before = new HashSet<>();
            for (List<Integer> placed : open) {
                if (reached.get(parameter).contains(placed)) {
                    before.add(placed);
                }
                for (int group = 0; group < groups.size(); group++) {
                    int member = placed.get(group) - 1;
                    if (member < 0 || !takes(group, member, parameters.get(parameter))) {
                        continue;
                    }
                    List<Integer> previous = changed(placed, group, -1);
                    if (reached.get(parameter).contains(previous)) {
                        before.add(previous);
                        ways.computeIfAbsent(key(group, member), key -> new HashSet<>())
                                .add(parameter);
                    }
                }
            }
            open = before;
        }
        for (int group = 0; group < found.length; group++) {
            for (int member = 0; member < found[group].length; member++) {
                Set<Integer> of = ways.getOrDefault(key(group, member), Set.of());
                found[group][member] = of.size() == 1 ? of.iterator().next() : UNKNOWN;
            }
        }
    }

    private int key(int group, int member) {
        int key = member;
        for (int i = 0; i < group; i++) {
            key += groups.get(i).size();
        }
        return key;
    }
}
