package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;

/** Reads how ZeRO 1 and 2 laid out and cut each group; the files of one model-parallel rank must say the same. */
final class GroupLayouts {
    /** The largest gap after a parameter that is believed. */
    private static final long MAX_GAP = 1 << 20;

    private final Reading reading;
    /** By model-parallel rank and group, as the first file says. */
    private final Map<List<Integer>, FlatGroup> layouts = new HashMap<>();

    private final Map<List<Integer>, long[]> gaps = new HashMap<>();

    GroupLayouts(Reading reading) {
        this.reading = reading;
    }

    private Map<String, long[]> names(int mp, int group) {
        return reading.parameters().model(mp).groups().get(group);
    }

    /** The number of ranks that share a group: all, or for experts those that hold the same ones. */
    int partitionCount(Node states, int mp, int group) throws IOException {
        int dp = reading.geometry().dp();
        Node counts = Nodes.findValue(states, "partition_count");
        if (counts == null) {
            return dp;
        }
        Node count = Nodes.isList(counts) ? counts.item(group) : counts;
        long number = count.asLong();
        boolean expert =
                names(mp, group).keySet().stream().anyMatch(reading.parameters().experts()::isExpert);
        if (number < 1 || dp % number != 0 || number != dp && !expert) {
            throw new SourceException(count.path() + " is " + number + ", expected "
                    + (expert ? "a divisor of " : "") + dp + ", the number of data-parallel ranks by "
                    + reading.geometry().source());
        }
        return (int) number;
    }

    /**
     * The layout of a group.
     *
     * @param partition of the file that {@code states} stand in
     */
    FlatGroup layout(Node states, int mp, int group, int partitions, int partition) throws IOException {
        List<Integer> key = List.of(mp, group);
        Map<String, long[]> names = names(mp, group);
        long[] own = readGaps(states, group, names.size());
        long[] known = gaps.putIfAbsent(key, own);
        if (known != null && !Arrays.equals(known, own)) {
            throw new SourceException(states.get("param_alignment_paddings").path() + " of group " + group
                    + " differs from that of the other ranks");
        }
        FlatGroup flat = layouts.get(key);
        if (flat == null) {
            long[] sizes = names.values().stream().mapToLong(Shapes::elements).toArray();
            long elements = FlatGroup.elements(sizes, own);
            flat = new FlatGroup(sizes, own, partitionElements(states, group, elements, partitions, partition));
            layouts.put(key, flat);
        }
        return flat;
    }

    private static long[] readGaps(Node states, int group, int parameters) throws IOException {
        Node all = Nodes.findValue(states, "param_alignment_paddings");
        if (all == null) {
            return new long[parameters];
        }
        long[] own = Nodes.longs(all.item(group));
        if (own.length != parameters || Arrays.stream(own).anyMatch(gap -> gap < 0 || gap > MAX_GAP)) {
            throw new SourceException(
                    all.item(group).path() + " has " + own.length + " gaps for " + parameters + " parameters");
        }
        return own;
    }

    /**
     * The length of a partition: DeepSpeed's rule where the first file's partition has that length, with or without
     * its padding; else, for versions that aligned otherwise, what the partition and its recorded padding make.
     */
    private static long partitionElements(Node states, int group, long elements, int partitions, int partition)
            throws IOException {
        long ruled = FlatGroup.alignedPartition(elements, partitions);
        long held = Shapes.elements(states.get("single_partition_of_fp32_groups")
                .item(group)
                .asTensor()
                .shape());
        long real = Math.clamp(elements - partition * ruled, 0L, ruled);
        Node paddings = Nodes.findValue(states, "group_paddings");
        if (held == ruled || held == real || paddings == null) {
            return ruled;
        }
        long padded = held + paddings.item(group).asLong();
        boolean covers = padded > 0 && padded <= Long.MAX_VALUE / partitions && padded * partitions >= elements;
        return covers ? padded : ruled;
    }
}
