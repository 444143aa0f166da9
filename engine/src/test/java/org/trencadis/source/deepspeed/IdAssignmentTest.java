package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Numbers get names exactly where every order-preserving assignment agrees: compared with trying them all. */
class IdAssignmentTest {
    private static List<long[]> shapes(long... lengths) {
        return Arrays.stream(lengths).mapToObj(length -> new long[] {length}).toList();
    }

    @Test
    void decayAndPlainGroupsOfAModelAreTakenApartByShape() {
        List<long[]> model = List.of(new long[] {4, 2}, new long[] {2}, new long[] {2, 2}, new long[] {2});
        List<List<long[]>> groups =
                List.of(List.of(new long[] {4, 2}, new long[] {2, 2}), List.of(new long[] {2}, new long[] {2}));
        assertArrayEquals(new int[][] {{0, 2}, {1, 3}}, IdAssignment.solve(model, groups));
    }

    @Test
    void frozenParameterOfTheSameShapeLeavesItOpen() {
        assertArrayEquals(new int[][] {{-1, 2}}, IdAssignment.solve(shapes(5, 5, 3), List.of(shapes(5, 3))));
    }

    @Test
    void membersThatFitNoParameterLeaveEverythingOpen() {
        assertArrayEquals(new int[][] {{-1, -1}}, IdAssignment.solve(shapes(5, 3), List.of(shapes(3, 5))));
    }

    @Test
    void agreesWithAllAssignmentsOfSmallModels() {
        Random random = new Random(3);
        for (int round = 0; round < 400; round++) {
            List<long[]> model =
                    shapes(random.longs(1 + random.nextInt(6), 1, 4).toArray());
            List<List<long[]>> groups = new ArrayList<>();
            for (int group = 0; group < 1 + random.nextInt(2); group++) {
                List<long[]> members = new ArrayList<>();
                random.longs(random.nextInt(4), 1, 4)
                        .forEach(length -> members.add(random.nextInt(6) == 0 ? null : new long[] {length}));
                groups.add(members);
            }
            assertArrayEquals(bruteForce(model, groups), IdAssignment.solve(model, groups));
        }
    }

    private static int[][] bruteForce(List<long[]> model, List<List<long[]>> groups) {
        Map<List<Integer>, Set<Integer>> ways = new HashMap<>();
        place(model, groups, 0, new int[groups.size()], new HashMap<>(), ways);
        int[][] found = new int[groups.size()][];
        for (int group = 0; group < found.length; group++) {
            found[group] = new int[groups.get(group).size()];
            for (int member = 0; member < found[group].length; member++) {
                Set<Integer> of = ways.getOrDefault(List.of(group, member), Set.of());
                found[group][member] = of.size() == 1 ? of.iterator().next() : IdAssignment.UNKNOWN;
            }
        }
        return found;
    }

    private static void place(
            List<long[]> model,
            List<List<long[]>> groups,
            int parameter,
            int[] placed,
            Map<List<Integer>, Integer> current,
            Map<List<Integer>, Set<Integer>> ways) {
        if (parameter == model.size()) {
            for (int group = 0; group < placed.length; group++) {
                if (placed[group] < groups.get(group).size()) {
                    return;
                }
            }
            current.forEach((key, value) ->
                    ways.computeIfAbsent(key, missing -> new HashSet<>()).add(value));
            return;
        }
        place(model, groups, parameter + 1, placed, current, ways);
        for (int group = 0; group < placed.length; group++) {
            int member = placed[group];
            if (member < groups.get(group).size()) {
                long[] shape = groups.get(group).get(member);
                if (shape == null || Arrays.equals(shape, model.get(parameter))) {
                    placed[group]++;
                    current.put(List.of(group, member), parameter);
                    place(model, groups, parameter + 1, placed, current, ways);
                    current.remove(List.of(group, member));
                    placed[group]--;
                }
            }
        }
    }
}
