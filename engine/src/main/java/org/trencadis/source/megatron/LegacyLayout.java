package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.layout.Layout;
import org.trencadis.layout.LayoutPresets;
import org.trencadis.layout.LayoutRules;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceLayouts;

/**
 * The rules by which a legacy save is read, and why they were chosen.
 *
 * @param rules null where a single rank holds everything and nothing says how names are meant
 * @param vocabulary whether the number of words without padding is known
 */
record LegacyLayout(LayoutRules rules, String reason, boolean vocabulary) {
    static LegacyLayout choose(Path sourceLayout, StoredArguments args, LegacyGeometry geometry) throws IOException {
        long words = words(args, geometry);
        Map<String, Long> given = given(args, geometry, words);
        if (sourceLayout != null) {
            LayoutRules rules = new LayoutRules(SourceLayouts.read(sourceLayout, given));
            rules.checkAxis("tp", geometry.tp(), "the save");
            rules.checkAxis("pp", geometry.pp(), "the save");
            return new LegacyLayout(rules, "layout " + rules.layout().origin() + " as asked", words >= 0);
        }
        if (args.isEmpty()) {
            if (geometry.tp() * geometry.ep() > 1) {
                throw new SourceException("the save has " + geometry.tp() + " tensor-parallel and " + geometry.ep()
                        + " expert-parallel ranks but no stored arguments that say the architecture; name a preset ("
                        + String.join(", ", LayoutPresets.NAMES) + ") or a file with --source-layout");
            }
            return new LegacyLayout(null, "no stored arguments; one rank holds each stage", words >= 0);
        }
        boolean experts = args.number(0, "num_experts") > 0;
        String preset = experts ? "mixtral" : args.isGated() ? "llama" : "gpt";
        String because = experts ? "num_experts" : args.isGated() ? "a gated feed forward" : "no gate and no experts";
        return new LegacyLayout(
                new LayoutRules(LayoutPresets.read(preset, given)),
                "preset " + preset + ": the stored arguments say " + because,
                words >= 0);
    }

    Layout.PipelineRule pipeline() {
        return rules == null ? null : rules.layout().pipeline();
    }

    private static Map<String, Long> given(StoredArguments args, LegacyGeometry geometry, long words) {
        Map<String, Long> given = new TreeMap<>();
        put(given, args, "hidden", "hidden_size");
        put(given, args, "heads", "num_attention_heads");
        put(given, args, "groups", "num_query_groups", "num_attention_heads");
        put(given, args, "kv_channels", "kv_channels");
        put(given, args, "ffn", "ffn_hidden_size");
        put(given, args, "layers", "num_layers", "encoder_num_layers");
        put(given, args, "experts", "num_experts");
        given.put("tp", (long) geometry.tp());
        given.put("pp", (long) geometry.pp());
        given.put("ep", (long) geometry.ep());
        given.put("gates", args.isGated() ? 2L : 1L);
        given.put("vocab", words);
        if (given.containsKey("experts")) {
            given.put("local_experts", given.get("experts") / geometry.ep());
        }
        return given;
    }

    private static void put(Map<String, Long> given, StoredArguments args, String name, String... arguments) {
        long value = args.number(-1, arguments);
        if (value > 0) {
            given.put(name, value);
        }
    }

    /**
     * Words without padding, or -1: {@code vocab_size} where the padding that Megatron makes of it is the stored one. The
     * null tokenizer adds its end-of-document word.
     */
    private static long words(StoredArguments args, LegacyGeometry geometry) {
        long size = args.number(-1, "vocab_size");
        long padded = args.number(-1, "padded_vocab_size");
        long divisor = args.number(-1, "make_vocab_size_divisible_by");
        if (size < 1 || padded < size || size > Integer.MAX_VALUE) {
            return -1;
        }
        long words = "NullTokenizer".equals(args.texts().get("tokenizer_type")) ? size + 1 : size;
        if (divisor < 1 || divisor > Integer.MAX_VALUE) {
            return words == padded ? words : -1;
        }
        long multiple = divisor * geometry.tp();
        return Math.ceilDiv(words, multiple) * multiple == padded ? words : -1;
    }
}
