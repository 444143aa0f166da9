package org.trencadis.layout;

import java.util.List;
import java.util.Map;

/** The words of the language, by the place where they may stand. */
final class LayoutKeys {
    static final List<String> DOCUMENT =
            List.of("trencadis", "about", "mesh", "zero", "expert", "pipeline", "values", "names", "rules");
    static final List<String> ZERO = List.of("stage", "over");
    static final List<String> PIPELINE = List.of("layers", "split", "stages", "virtual", "number");
    static final List<String> RULE =
            List.of("match", "unique", "replicate", "average", "shard", "expert", "pad", "view", "optional");
    static final List<String> SHARD = List.of("dim", "over", "parts", "units", "widths", "interleave");
    static final List<String> PART = List.of("size", "units", "widths");
    static final List<String> EXPERT = List.of("dim", "count");
    static final List<String> PAD = List.of("dim", "multiple", "extent");

    /** All of them by the word that the mapping stands under. */
    static final Map<String, List<String>> ALL = Map.of(
            "document", DOCUMENT,
            "zero", ZERO,
            "pipeline", PIPELINE,
            "rules", RULE,
            "shard", SHARD,
            "parts", PART,
            "expert", EXPERT,
            "pad", PAD);

    private LayoutKeys() {}
}
