package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** ZeRO's arithmetic against worked examples and against an element-by-element oracle. */
class FlatLayoutTest {
    private static List<String> windows(FlatGroup group, int partition) throws IOException {
        List<String> windows = new ArrayList<>();
        group.forEachWindow(
                partition,
                (parameter, start, place, count) ->
                        windows.add((char) ('A' + parameter) + ":" + place + "," + start + "," + count));
        return windows;
    }

    private static FlatGroup group(int partitions, long... sizes) {
        long[] gaps = new long[sizes.length];
        long elements = FlatGroup.elements(sizes, gaps);
        return new FlatGroup(sizes, gaps, FlatGroup.alignedPartition(elements, partitions));
    }

    private static List<Long> padding(FlatGroup group, int partitions) {
        List<Long> padding = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) {
            padding.add(group.partitionElements() - group.realElements(partition));
        }
        return padding;
    }

    @Test
    void threeParametersOnFourTwoAndThreeRanks() throws IOException {
        FlatGroup four = group(4, 10, 7, 5);
        assertEquals(6, four.partitionElements());
        assertEquals(List.of("A:0,0,6"), windows(four, 0));
        assertEquals(List.of("A:0,6,4", "B:4,0,2"), windows(four, 1));
        assertEquals(List.of("B:0,2,5", "C:5,0,1"), windows(four, 2));
        assertEquals(List.of("C:0,1,4"), windows(four, 3));
        assertEquals(List.of(0L, 0L, 0L, 2L), padding(four, 4));

        FlatGroup two = group(2, 10, 7, 5);
        assertEquals(12, two.partitionElements());
        assertEquals(List.of("A:0,0,10", "B:10,0,2"), windows(two, 0));
        assertEquals(List.of("B:0,2,5", "C:5,0,5"), windows(two, 1));
        assertEquals(List.of(0L, 2L), padding(two, 2));

        FlatGroup three = group(3, 10, 7, 5);
        assertEquals(8, three.partitionElements());
        assertEquals(List.of("A:0,0,8"), windows(three, 0));
        assertEquals(List.of("A:0,8,2", "B:2,0,6"), windows(three, 1));
        assertEquals(List.of("B:0,6,1", "C:1,0,5"), windows(three, 2));
        assertEquals(List.of(0L, 0L, 2L), padding(three, 3));
    }

    @Test
    void tinyGroupLeavesLastPartitionsEmpty() throws IOException {
        FlatGroup group = group(8, 9);
        assertEquals(2, group.partitionElements());
        assertEquals(List.of(0L, 0L, 0L, 0L, 1L, 2L, 2L, 2L), padding(group, 8));
        assertEquals(List.of("A:0,8,1"), windows(group, 4));
        assertEquals(List.of(), windows(group, 5));
        assertEquals(List.of(), windows(group, 7));
    }

    @Test
    void windowsOfRandomGroupsHoldEachElementOnceAtItsFlatPlace() throws IOException {
        Random random = new Random(7);
        for (int round = 0; round < 300; round++) {
            int partitions = 1 + random.nextInt(7);
            long[] sizes = random.longs(1 + random.nextInt(8), 0, 12).toArray();
            long[] gaps = random.longs(sizes.length, 0, 4).toArray();
            long elements = FlatGroup.elements(sizes, gaps);
            FlatGroup group = new FlatGroup(sizes, gaps, FlatGroup.alignedPartition(elements, partitions));
            int[][] seen = new int[sizes.length][12];
            for (int partition = 0; partition < partitions; partition++) {
                long base = partition * group.partitionElements();
                group.forEachWindow(partition, (parameter, start, place, count) -> {
                    long flat = 0;
                    for (int i = 0; i < parameter; i++) {
                        flat += sizes[i] + gaps[i];
                    }
                    assertEquals(flat + start, base + place);
                    for (long k = start; k < start + count; k++) {
                        seen[parameter][(int) k]++;
                    }
                });
            }
            for (int parameter = 0; parameter < sizes.length; parameter++) {
                for (int k = 0; k < 12; k++) {
                    assertEquals(k < sizes[parameter] ? 1 : 0, seen[parameter][k]);
                }
            }
        }
    }

    @Test
    void slotsOfThreeParametersOnThreeAndTwoRanks() throws IOException {
        long[] sizes = {1024, 5, 3};
        SlotGroup three = new SlotGroup(sizes, 3);
        assertEquals(345, three.elements());
        assertEquals(List.of("A:0,0,342", "B:342,0,2", "C:344,0,1"), slots(three, 0));
        assertEquals(List.of("A:0,342,342", "B:342,2,2", "C:344,1,1"), slots(three, 1));
        assertEquals(List.of("A:0,684,340", "B:342,4,1", "C:344,2,1"), slots(three, 2));
        SlotGroup two = new SlotGroup(sizes, 2);
        assertEquals(517, two.elements());
        assertEquals(List.of("A:0,512,512", "B:512,3,2", "C:515,2,1"), slots(two, 1));
    }

    @Test
    void lastRankHoldsNothingOfASmallParameter() throws IOException {
        SlotGroup four = new SlotGroup(new long[] {5}, 4);
        assertEquals(List.of("A:0,4,1"), slots(four, 2));
        assertEquals(List.of(), slots(four, 3));
        assertEquals(0, SlotGroup.held(5, 3, 4));
    }

    private static List<String> slots(SlotGroup group, int partition) throws IOException {
        List<String> windows = new ArrayList<>();
        group.forEachWindow(
                partition,
                (parameter, start, place, count) ->
                        windows.add((char) ('A' + parameter) + ":" + place + "," + start + "," + count));
        return windows;
    }
}
