package org.trencadis.source.deepspeed;

import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file of a DeepSpeed tag folder and the ranks in its name, read as numbers; {@link #NONE} where the name has none.
 *
 * @param prefix what stands before {@code zero_}: empty, {@code bf16_} or {@code fp16_}
 * @param dp data-parallel rank
 * @param mp model-parallel rank: pipeline stage times tensor-parallel degree plus tensor-parallel rank
 * @param layer pipeline layer or mixture-of-experts layer
 * @param expert global number of the expert
 */
record RankFile(Path path, Kind kind, String prefix, int dp, int mp, int layer, int expert) {
    static final int NONE = -1;

    /** What such a file holds. */
    enum Kind {
        /** Optimizer partition of one rank. */
        OPTIMIZER("(bf16_|fp16_|)zero_pp_rank_(?<dp>\\d+)_mp_rank_(?<mp>\\d+)_?optim_states\\.pt"),
        /** Module and everything else, written once for each model-parallel rank. */
        MODEL("mp_rank_(?<mp>\\d+)_model_states\\.pt"),
        /** The same under ZeRO-3, written by every rank. */
        ZERO3_MODEL("zero_pp_rank_(?<dp>\\d+)_mp_rank_(?<mp>\\d+)_model_states\\.pt"),
        /** Module of one pipeline layer. */
        LAYER("layer_(?<layer>\\d+)(-model_(?<mp>\\d+))?-model_states\\.pt"),
        /** Module of one expert. */
        EXPERT("(layer_(?<layer>\\d+)_)?expert_(?<expert>\\d+)_mp_rank_(?<mp>\\d+)_model_states\\.pt"),
        /** Optimizer of the experts of one expert-parallel rank, without ZeRO. */
        EXPERT_OPTIMIZER("expp_rank_(?<dp>\\d+)_mp_rank_(?<mp>\\d+)_optim_states\\.pt");

        private final Pattern pattern;

        Kind(String pattern) {
            this.pattern = Pattern.compile(pattern);
        }
    }

    /** The rank file called {@code path}, or null where its name is not one of a rank. */
    static RankFile find(Path path) {
        String name = path.getFileName().toString();
        for (Kind kind : Kind.values()) {
            Matcher matcher = kind.pattern.matcher(name);
            if (matcher.matches()) {
                try {
                    String prefix = kind == Kind.OPTIMIZER ? matcher.group(1) : "";
                    return new RankFile(
                            path,
                            kind,
                            prefix,
                            number(matcher, "dp"),
                            number(matcher, "mp"),
                            number(matcher, "layer"),
                            number(matcher, "expert"));
                } catch (NumberFormatException tooLarge) {
                    return null;
                }
            }
        }
        return null;
    }

    private static int number(Matcher matcher, String group) {
        if (!matcher.namedGroups().containsKey(group) || matcher.group(group) == null) {
            return NONE;
        }
        return Integer.parseInt(matcher.group(group));
    }

    /** The name that DeepSpeed gives to the file of {@code kind} at these ranks. */
    static String name(Kind kind, String prefix, int dp, int mp) {
        return switch (kind) {
            case OPTIMIZER ->
                String.format(Locale.ROOT, "%szero_pp_rank_%d_mp_rank_%02d_optim_states.pt", prefix, dp, mp);
            case MODEL -> String.format(Locale.ROOT, "mp_rank_%02d_model_states.pt", mp);
            case ZERO3_MODEL -> String.format(Locale.ROOT, "zero_pp_rank_%d_mp_rank_%02d_model_states.pt", dp, mp);
            default -> throw new IllegalArgumentException(kind.toString());
        };
    }

    /** Whether both names say the same ranks; the prefix is not a rank. */
    boolean isSameRank(RankFile other) {
        return kind == other.kind && dp == other.dp && mp == other.mp && layer == other.layer && expert == other.expert;
    }

    String fileName() {
        return path.getFileName().toString();
    }
}
