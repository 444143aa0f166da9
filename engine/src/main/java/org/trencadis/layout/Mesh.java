package org.trencadis.layout;

import java.util.List;

/**
 * Ranks on a grid: axes in rank order, slowest first.
 *
 * @param axes with names that differ
 */
public record Mesh(List<Axis> axes) {
    /** The mesh of one rank. */
    public static final Mesh SINGLE = new Mesh(List.of());

    /**
     * One direction of a mesh.
     *
     * @param ranks along it, at least 1
     */
    public record Axis(String name, int ranks) {
        public Axis {
            if (ranks < 1) {
                throw new IllegalArgumentException("mesh axis " + name + " of " + ranks + " ranks");
            }
        }
    }

    public Mesh {
        axes = List.copyOf(axes);
    }

    /** All ranks. */
    public int ranks() {
        int ranks = 1;
        for (Axis axis : axes) {
            ranks = Math.multiplyExact(ranks, axis.ranks());
        }
        return ranks;
    }

    /** Ranks along an axis; 1 where the mesh has no such axis. */
    public int ranks(String axis) {
        for (Axis each : axes) {
            if (each.name().equals(axis)) {
                return each.ranks();
            }
        }
        return 1;
    }

    public boolean has(String axis) {
        return axes.stream().anyMatch(each -> each.name().equals(axis));
    }

    /** The position of {@code rank} along an axis; 0 where the mesh has no such axis. */
    public int coordinate(int rank, String axis) {
        int below = 1;
        for (int i = axes.size() - 1; i >= 0; i--) {
            int ranks = axes.get(i).ranks();
            if (axes.get(i).name().equals(axis)) {
                return rank / below % ranks;
            }
            below *= ranks;
        }
        return 0;
    }

    /** As a layout writes it: {@code [{pp: 2}, {tp: 4}]}. */
    @Override
    public String toString() {
        return axes.stream()
                .map(axis -> "{" + axis.name() + ": " + axis.ranks() + "}")
                .toList()
                .toString();
    }
}
