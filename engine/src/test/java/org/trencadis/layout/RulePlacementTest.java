package org.trencadis.layout;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;

/** What rules make of shards, against lists of positions that are written down one by one. */
class RulePlacementTest {
    private static final Mesh MESH = mesh("ep", 2, "tp", 4);

    private static Mesh mesh(Object... axes) {
        List<Mesh.Axis> list = new ArrayList<>();
        for (int i = 0; i < axes.length; i += 2) {
            list.add(new Mesh.Axis((String) axes[i], (Integer) axes[i + 1]));
        }
        return new Mesh(list);
    }

    private static Rule rule(String text) throws LayoutException {
        String document = "trencadis: 1\nrules: [{match: 'w', " + text + "}]";
        return Layout.parse(document, "test", Map.of()).rules().getFirst();
    }

    /** A part as the oracle knows it: how many positions, and which ranks hold each. */
    private record Dealt(long size, String text, List<List<Integer>> holders) {}

    private static Dealt deal(Random random, int ranks, String name) {
        List<List<Integer>> holders = new ArrayList<>();
        String text;
        switch (random.nextInt(3)) {
            case 0 -> {
                long each = random.nextInt(4);
                for (int rank = 0; rank < ranks; rank++) {
                    for (int i = 0; i < each; i++) {
                        holders.add(List.of(rank));
                    }
                }
                text = "{" + name + ": " + each * ranks + "}";
            }
            case 1 -> {
                long[] widths = random.longs(ranks, 0, 4).toArray();
                for (int rank = 0; rank < ranks; rank++) {
                    for (int i = 0; i < widths[rank]; i++) {
                        holders.add(List.of(rank));
                    }
                }
                text = "{" + name + ": {widths: " + Arrays.toString(widths) + "}}";
            }
            default -> {
                int units = random.nextBoolean() ? 1 + random.nextInt(2 * ranks) : divisor(random, ranks);
                units = units < ranks && ranks % units != 0 ? ranks + units : units;
                int unit = 1 + random.nextInt(3);
                for (int u = 0; u < units; u++) {
                    List<Integer> of = new ArrayList<>();
                    for (int rank = 0; rank < ranks; rank++) {
                        if (holds(rank, u, units, ranks)) {
                            of.add(rank);
                        }
                    }
                    for (int i = 0; i < unit; i++) {
                        holders.add(of);
                    }
                }
                text = "{" + name + ": {size: " + (long) units * unit + ", units: " + units + "}}";
            }
        }
        return new Dealt(holders.size(), text, holders);
    }

    private static int divisor(Random random, int of) {
        List<Integer> divisors = new ArrayList<>();
        for (int i = 1; i <= of; i++) {
            if (of % i == 0) {
                divisors.add(i);
            }
        }
        return divisors.get(random.nextInt(divisors.size()));
    }

    /** Units are dealt in order: fewer than ranks go to neighbours, more leave the first ranks one more. */
    private static boolean holds(int rank, int unit, int units, int ranks) {
        if (units < ranks) {
            return rank / (ranks / units) == unit;
        }
        int next = 0;
        for (int r = 0; r < ranks; r++) {
            int own = units / ranks + (r < units % ranks ? 1 : 0);
            if (unit < next + own) {
                return r == rank;
            }
            next += own;
        }
        return false;
    }

    /** One axis: what each rank holds, in order. */
    private record Axis(long extent, List<List<Long>> positions) {}

    private static Axis axis(List<Dealt> parts, int blocks, int ranks) {
        List<List<Long>> positions = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            positions.add(new ArrayList<>());
        }
        long at = 0;
        for (int block = 0; block < blocks; block++) {
            for (Dealt part : parts) {
                for (List<Integer> holders : part.holders()) {
                    for (int rank : holders) {
                        positions.get(rank).add(at);
                    }
                    at++;
                }
            }
        }
        return new Axis(at, positions);
    }

    private static List<Long> places(List<List<Long>> held, long[] shape) {
        List<Long> places = List.of(0L);
        for (int axis = 0; axis < shape.length; axis++) {
            List<Long> next = new ArrayList<>();
            for (long before : places) {
                for (long position : held.get(axis)) {
                    next.add(before * shape[axis] + position);
                }
            }
            places = next;
        }
        return places;
    }

    private static List<Long> all(long extent) {
        List<Long> positions = new ArrayList<>();
        for (long i = 0; i < extent; i++) {
            positions.add(i);
        }
        return positions;
    }

    /** Where a placement puts the elements of a shard, in the shard's order. */
    private static List<Long> places(ShardMap shard, long[] padded) throws IOException {
        List<Long> places = new ArrayList<>();
        Box whole = Box.whole(padded);
        shard.forEachPart(0, shard.elements(), (start, region, piece) -> {
            assertEquals(places.size(), start);
            region.forEachBox(box -> {
                for (long i = 0; i < box.elements(); i++) {
                    places.add(whole.flatten(box.unflatten(i)));
                }
            });
        });
        return places;
    }

    /** Copy 0 has each logical element once; a later copy none twice. */
    private static void checkCopies(Placement placement, long[] padded) throws IOException {
        long logical = Shapes.elements(placement.shape());
        int[][] held = new int[placement.shards().length][(int) Shapes.elements(padded)];
        Box whole = Box.whole(padded);
        for (ShardMap shard : placement.shards()) {
            shard.forEachPart(
                    0,
                    shard.elements(),
                    (start, region, piece) -> region.forEachBox(box -> {
                        for (long i = 0; i < box.elements(); i++) {
                            long[] point = box.unflatten(i);
                            assertEquals(
                                    padded.length > 0 && point[0] >= placement.shape()[0], piece.margin(), "margin");
                            held[piece.replica()][(int) whole.flatten(point)]++;
                        }
                    }));
        }
        for (int copy = 0; copy < held.length; copy++) {
            for (int place = 0; place < held[copy].length; place++) {
                assertTrue(held[copy][place] <= 1, "a copy holds an element twice");
                assertTrue(copy > 0 || place >= logical || held[copy][place] == 1, "copy 0 is complete");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void randomRulesPutEachElementWhereTheListsSay(int seed) throws IOException {
        Random random = new Random(seed);
        for (int round = 0; round < 150; round++) {
            int tp = 1 + random.nextInt(6);
            int ep = 1 + random.nextInt(3);
            Mesh mesh = mesh("ep", ep, "tp", tp);
            int order = 1 + random.nextInt(3);
            int first = random.nextInt(order);
            int second = order > 1 && random.nextBoolean() ? (first + 1) % order : -1;
            Axis[] axes = new Axis[order];
            StringBuilder text = new StringBuilder("shard: [");
            for (int dim : new int[] {first, second}) {
                if (dim >= 0) {
                    int ranks = dim == first ? tp : ep;
                    int blocks = 1 + random.nextInt(3);
                    List<Dealt> parts = new ArrayList<>();
                    for (int part = 0; part <= random.nextInt(3); part++) {
                        parts.add(deal(random, ranks, "p" + part));
                    }
                    axes[dim] = axis(parts, blocks, ranks);
                    text.append("{dim: " + dim + ", over: " + (dim == first ? "tp" : "ep") + ", interleave: " + blocks
                            + ", parts: " + parts.stream().map(Dealt::text).toList() + "},");
                }
            }
            check(rule(text + "]"), text.toString(), mesh, axes, first, random);
        }
    }

    private static void check(Rule rule, String text, Mesh mesh, Axis[] axes, int first, Random random)
            throws IOException {
        int order = axes.length;
        long[] whole = new long[order];
        for (int axis = 0; axis < order; axis++) {
            whole[axis] = axes[axis] == null ? random.nextInt(4) : axes[axis].extent();
        }
        long[][] shapes = new long[mesh.ranks()][order];
        List<List<Long>> expected = new ArrayList<>();
        for (int rank = 0; rank < mesh.ranks(); rank++) {
            List<List<Long>> held = new ArrayList<>();
            for (int axis = 0; axis < order; axis++) {
                int position = axis == first ? mesh.coordinate(rank, "tp") : mesh.coordinate(rank, "ep");
                held.add(
                        axes[axis] == null
                                ? all(whole[axis])
                                : axes[axis].positions().get(position));
                shapes[rank][axis] = held.get(axis).size();
            }
            expected.add(places(held, whole));
        }
        for (Placement placement :
                List.of(LayoutRules.join(rule, "w", mesh, shapes), LayoutRules.cut(rule, "w", mesh, whole))) {
            assertArrayEquals(whole, placement.shape(), text);
            for (int rank = 0; rank < mesh.ranks(); rank++) {
                assertEquals(expected.get(rank), places(placement.shards()[rank], whole), text);
            }
            checkCopies(placement, whole);
        }
    }

    @ParameterizedTest
    @CsvSource({"10, 1, 3", "12, 4, 3", "7, 8, 2", "1, 5, 1", "0, 4, 2"})
    void rowsThatPadAreMarginInEveryDirection(long rows, long multiple, int tp) throws IOException {
        Mesh mesh = mesh("tp", tp);
        long padded = Math.ceilDiv(rows, multiple * tp) * multiple * tp;
        Rule rule = rule("shard: {dim: 0}, pad: {multiple: " + multiple * tp + ", extent: " + rows + "}");
        long[][] shapes = new long[tp][];
        Arrays.setAll(shapes, rank -> new long[] {padded / tp, 3});
        for (Placement placement : List.of(
                LayoutRules.join(rule, "w", mesh, shapes), LayoutRules.cut(rule, "w", mesh, new long[] {rows, 3}))) {
            assertArrayEquals(new long[] {rows, 3}, placement.shape());
            for (int rank = 0; rank < tp; rank++) {
                List<Long> expected = new ArrayList<>();
                for (long place = rank * padded / tp * 3; place < (rank + 1) * padded / tp * 3; place++) {
                    expected.add(place);
                }
                assertEquals(expected, places(placement.shards()[rank], new long[] {padded, 3}));
            }
            checkCopies(placement, new long[] {padded, 3});
        }
    }

    @Test
    void moreRanksThanKeyHeadsHoldReplicas() throws IOException {
        Rule rule = rule("shard: {dim: 0, parts: [{q: {size: 32, units: 8}}, {k: {size: 8, units: 2}}]}");
        long[][] shapes = new long[8][];
        Arrays.fill(shapes, new long[] {12, 3});
        Placement placement = LayoutRules.join(rule, "w", MESH, shapes);
        assertArrayEquals(new long[] {40, 3}, placement.shape());
        // Ranks 0 and 1 of tp hold key head 0; both expert-parallel ranks hold everything.
        assertEquals(
                List.of(0, 1, 2, 3),
                java.util.stream.IntStream.of(0, 1, 4, 5)
                        .map(rank -> placement.shards()[rank].pieces().getLast().replica())
                        .boxed()
                        .toList());
        checkCopies(placement, placement.shape());
    }

    @Test
    void unsizedPartsAreEqualAndOneAmongSizedTakesTheRest() throws IOException {
        long[][] shapes = {{6, 2}, {6, 2}};
        Placement halves = LayoutRules.join(rule("shard: {dim: 0, parts: [gate, up]}"), "w", mesh("tp", 2), shapes);
        assertEquals(
                List.of(0L, 1L, 2L, 3L, 4L, 5L, 12L, 13L, 14L, 15L, 16L, 17L),
                places(halves.shards()[0], new long[] {12, 2}));
        Placement rest = LayoutRules.join(rule("shard: {dim: 0, parts: [q, {k: 4}]}"), "w", mesh("tp", 2), shapes);
        assertEquals(
                List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 16L, 17L, 18L, 19L),
                places(rest.shards()[0], new long[] {12, 2}));
    }

    @Test
    void copiesAreReplicasOrABlendAndOneHolderIsUnique() throws IOException {
        long[][] shapes = new long[8][];
        Arrays.fill(shapes, new long[] {5});
        assertTrue(LayoutRules.join(rule("average: {}"), "w", MESH, shapes).blend());
        Placement replicas = LayoutRules.join(rule("replicate: {}"), "w", MESH, shapes);
        assertEquals(7, replicas.shards()[7].pieces().getFirst().replica());
        long[][] one = new long[8][];
        one[3] = new long[] {5};
        Placement unique = LayoutRules.join(rule("unique: {}"), "w", MESH, one);
        assertEquals(5, unique.shards()[3].elements());
        assertEquals(0, unique.shards()[0].elements());
        assertThrows(LayoutException.class, () -> LayoutRules.join(rule("replicate: {}"), "w", MESH, one));
        assertThrows(LayoutException.class, () -> LayoutRules.join(rule("unique: {}"), "w", MESH, shapes));
    }

    @Test
    void shardsAreSeenInOtherExtents() throws IOException {
        Rule rule = rule("view: [2, 3, -1], expert: {dim: 0, count: 4}, shard: {dim: 2, parts: 2}");
        long[][] shapes = new long[4][];
        Arrays.fill(shapes, new long[] {3, 8});
        Placement placement = LayoutRules.join(rule, "w", mesh("ep", 2, "tp", 2), shapes);
        assertArrayEquals(new long[] {4, 3, 8}, placement.shape());
        // Expert 2, row 0: the second rank's share of each half.
        assertEquals(
                List.of(50L, 51L, 54L, 55L),
                places(placement.shards()[3], placement.shape()).subList(0, 4));
        checkCopies(placement, placement.shape());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "shard: {dim: 2} | has no axis 2",
                "shard: {dim: 0, over: dp} | no axis dp",
                "shard: {dim: 0, parts: [{q: 30}, {k: 10}]} | shared evenly by 4",
                "shard: {dim: 0, parts: [{q: 40}, {k: 16}]} | holds 12",
                "shard: {dim: 0, widths: [12, 12]} | for 2 ranks",
                "shard: {dim: 0, units: 3} | 3 units",
                "shard: {dim: 0, interleave: 5} | 5 blocks",
                "shard: {dim: 0, interleave: 1000000} | is not 1000000 blocks",
                "shard: {dim: 0}, pad: {extent: 49} | fewer than the logical 49",
                "shard: {dim: 0}, pad: {multiple: 7} | no multiple of 7",
                "view: [5, -1], replicate: {} | cannot be seen",
            })
    void ruleThatDoesNotFitSaysWhatItFound(String text, String expected) {
        long[][] shapes = new long[4][];
        Arrays.fill(shapes, new long[] {12, 3});
        LayoutException refused =
                assertThrows(LayoutException.class, () -> LayoutRules.join(rule(text), "w", mesh("tp", 4), shapes));
        assertTrue(refused.getMessage().contains(expected), refused.getMessage());
        assertTrue(refused.getMessage().startsWith("test:2:9: rule w does not fit parameter w"), refused.getMessage());
    }
}
