package org.trencadis.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Made-up models: a few layers of parameters of every kind that tensor parallelism knows, with odd extents. */
final class RandomModel {
    private final RandomGenerator random;
    private final int ranks;
    private final boolean pipeline;
    /** One vocabulary a model: the declaration has one number for it. */
    private final long vocabularyRows;

    private final List<Parameter> parameters = new ArrayList<>();

    private RandomModel(RandomGenerator random, int ranks, boolean pipeline) {
        this.random = random;
        this.ranks = ranks;
        this.pipeline = pipeline;
        this.vocabularyRows = 5L + random.nextInt(30);
    }

    /** A model whose parameters divide over {@code ranks} tensor-parallel ranks. */
    static List<Parameter> make(RandomGenerator random, int ranks, int layers, boolean pipeline) {
        RandomModel model = new RandomModel(random, ranks, pipeline);
        for (int layer = 0; layer < layers; layer++) {
            for (Split.Kind kind : Split.Kind.values()) {
                if (random.nextInt(4) > 0 || layer == 0) {
                    model.add(layer, kind);
                }
            }
        }
        return model.parameters;
    }

    private void add(int layer, Split.Kind kind) {
        int rest = 1 + random.nextInt(7);
        String name = (pipeline ? layer + "." : "layers." + layer + ".")
                + kind.name().toLowerCase(java.util.Locale.ROOT) + ".weight";
        long[] shape = switch (kind) {
            case REPLICATED, AVERAGED -> random.nextBoolean() ? new long[] {rest} : new long[] {rest, 3};
            case ROWS -> new long[] {(long) ranks * (1 + random.nextInt(4)), rest};
            case COLUMNS -> new long[] {rest, (long) ranks * (1 + random.nextInt(4))};
            case HALVES -> new long[] {2L * ranks * (1 + random.nextInt(3)), rest};
            case VOCABULARY -> new long[] {vocabularyRows, rest};
            case PARTS, BLOCKS -> null;
        };
        Split split = shape == null ? parts(kind) : Split.of(kind);
        if (shape == null) {
            long rows = 0;
            for (long part : split.parts()) {
                rows += part;
            }
            shape = new long[] {rows, rest};
        }
        parameters.add(new Parameter(name, shape, split, layer, shape.length > 1 ? 0 : 1));
    }

    private Split parts(Split.Kind kind) {
        int count = 2 + random.nextInt(2);
        long[] parts = new long[count];
        long[][] widths = new long[count][ranks];
        for (int part = 0; part < count; part++) {
            for (int rank = 0; rank < ranks; rank++) {
                boolean first = part == 0;
                long width = kind == Split.Kind.BLOCKS && !first ? widths[0][rank] : 1 + random.nextInt(4);
                widths[part][rank] = width;
                parts[part] += width;
            }
        }
        return new Split(kind, parts, widths);
    }
}
