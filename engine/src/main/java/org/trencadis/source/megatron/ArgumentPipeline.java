package org.trencadis.source.megatron;

import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.layout.Pipeline;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;

/** How the stored arguments share layers among stages, as Megatron itself computes it. */
final class ArgumentPipeline {
    private static final Pattern GROUPS = Pattern.compile("\\(([^)]+)\\)\\*(\\d{1,4})");
    private static final Pattern REPEATED = Pattern.compile("(.)\\*(\\d{1,4})");
    private static final int MAX_TEXT = 1 << 16;

    private final StoredArguments args;
    private final int stages;
    private final int pieces;

    private ArgumentPipeline(StoredArguments args, int stages, int pieces) {
        this.args = args;
        this.stages = stages;
        this.pieces = pieces;
    }

    /** The pipeline, or null where the arguments do not say how many layers there are. */
    static Pipeline find(StoredArguments args, int stages, int pieces) throws SourceException {
        return new ArgumentPipeline(args, stages, pieces).find();
    }

    private Pipeline find() throws SourceException {
        String layout = args.texts().get("pipeline_model_parallel_layout");
        if (layout != null && stages > 1) {
            return new Pipeline(stages, written(layout));
        }
        long layers = args.number(-1, "num_layers", "encoder_num_layers");
        if (layers < 0) {
            return null;
        }
        if (layers > Nodes.MAX_COUNT) {
            throw new SourceException("the stored argument num_layers is " + layers);
        }
        long first = args.number(-1, "decoder_first_pipeline_num_layers", "num_layers_in_first_pipeline_stage");
        long last = args.number(-1, "decoder_last_pipeline_num_layers", "num_layers_in_last_pipeline_stage");
        if (stages > 1 && (first >= 0 || last >= 0)) {
            return new Pipeline(stages, uneven(layers, first, last));
        }
        return new Pipeline(stages, even(layers));
    }

    private long[] even(long layers) throws SourceException {
        boolean embedding = stages > 1 && args.isTrue("account_for_embedding_in_pipeline_split");
        boolean loss = stages > 1 && args.isTrue("account_for_loss_in_pipeline_split");
        long slots = layers + (embedding ? 1 : 0) + (loss ? 1 : 0);
        long[] counts = new long[stages * pieces];
        Arrays.fill(counts, share(slots, counts.length, "num_layers"));
        counts[0] -= embedding ? 1 : 0;
        counts[counts.length - 1] -= loss ? 1 : 0;
        return counts;
    }

    private long[] uneven(long layers, long first, long last) throws SourceException {
        int middles = stages - (first >= 0 ? 1 : 0) - (last >= 0 ? 1 : 0);
        long rest = layers - Math.max(first, 0) - Math.max(last, 0);
        long middle = middles == 0 ? 0 : share(share(rest, pieces, "num_layers"), middles, "num_layers");
        long[] counts = new long[stages * pieces];
        Arrays.fill(counts, middle);
        for (int piece = 0; piece < pieces; piece++) {
            if (first >= 0) {
                counts[piece * stages] = share(first, pieces, "decoder_first_pipeline_num_layers");
            }
            if (last >= 0) {
                counts[piece * stages + stages - 1] = share(last, pieces, "decoder_last_pipeline_num_layers");
            }
        }
        return counts;
    }

    private long share(long layers, int among, String what) throws SourceException {
        if (layers < 0 || layers % among != 0) {
            throw new SourceException("the stored argument " + what + " cannot be shared as Megatron does: " + layers
                    + " layers among " + among + "; a 'pipeline' in --source-layout says how they are shared");
        }
        return layers / among;
    }

    /** Layers of a written layout as {@code Ettt|(tt|)*29,m|L}: pieces between bars, {@code t} for a layer. */
    private long[] written(String layout) throws SourceException {
        String text = unroll(REPEATED, unroll(GROUPS, layout.replace(",", "")));
        String[] each = text.split("\\|", -1);
        if (each.length != stages * pieces) {
            throw new SourceException("the stored pipeline_model_parallel_layout " + layout + " is of " + each.length
                    + " pieces; the save has " + stages + " stages of " + pieces);
        }
        long[] counts = new long[each.length];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = each[i].chars().filter(c -> c == 't').count();
        }
        return counts;
    }

    private static String unroll(Pattern pattern, String text) throws SourceException {
        StringBuilder unrolled = new StringBuilder();
        Matcher matcher = pattern.matcher(text);
        int from = 0;
        while (matcher.find()) {
            int times = Integer.parseInt(matcher.group(2));
            if ((long) times * matcher.group(1).length() + unrolled.length() + text.length() > MAX_TEXT) {
                throw new SourceException("the stored pipeline_model_parallel_layout is too long");
            }
            unrolled.append(text, from, matcher.start());
            unrolled.repeat(matcher.group(1), times);
            from = matcher.end();
        }
        return unrolled.append(text, from, text.length()).toString();
    }
}
