package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.trencadis.layout.LayoutException;

/**
 * An architecture whose tensors each framework names and fuses in its own way, and the ties of each such scheme to names
 * that belong to none: {@code ~0.q.weight} for the query weight of layer 0.
 */
enum Family {
    LLAMA,
    GPT2;

    /** How a framework names and fuses. */
    enum Scheme {
        HUGGING_FACE(""),
        MEGATRON("megatron-"),
        MEGATRON_LEGACY("megatron-legacy-");

        final String prefix;

        Scheme(String prefix) {
            this.prefix = prefix;
        }
    }

    private static final String HF_LLAMA_BEFORE = "(?:module\\.|_orig_mod\\.)*(?:model\\.)?";
    private static final String HF_GPT2_BEFORE = "(?:module\\.|_orig_mod\\.)*(?:transformer\\.)?";
    private static final String MEGATRON_BEFORE =
            "(?:module\\.|model\\.)*(?:language_model\\.)?(?:(?:encoder|transformer|decoder)\\.)?";
    private static final String HIDDEN = "~";

    /** As {@code --names} says it. */
    String word() {
        return this == LLAMA ? "llama" : "gpt2";
    }

    /** Whether a name is one of those that belong to no framework. */
    static boolean isHidden(String name) {
        return name.startsWith(HIDDEN);
    }

    /** The names of the tables with a row for each token, whose number of rows frameworks pad. */
    static List<String> vocabularies() {
        return List.of(HIDDEN + "embed.weight", HIDDEN + "head.weight");
    }

    /** The ties of a scheme. */
    List<Tie> ties(Scheme scheme, Heads heads) throws LayoutException {
        Table table = new Table();
        if (scheme != Scheme.HUGGING_FACE) {
            megatron(table, scheme, heads);
        } else if (this == LLAMA) {
            huggingFaceLlama(table);
        } else {
            huggingFaceGpt2(table);
        }
        return table.ties;
    }

    /** The tie that every layer of every scheme has, and no other scheme's. */
    static Tie attention(List<Tie> ties) {
        return ties.stream()
                .filter(tie -> tie.parts().getFirst().toString().equals(HIDDEN + "{n}.q.{w}"))
                .findFirst()
                .orElseThrow();
    }

    private static final Pattern STACKED_ATTENTION =
            Pattern.compile(MEGATRON_BEFORE + "layers\\.self_attention\\.(?:linear_qkv|query_key_value)\\.weight");

    /** Whether {@code name} is that of all layers' attention weights in one tensor. */
    static boolean isStackedAttention(String name) {
        return STACKED_ATTENTION.matcher(name).matches();
    }

    /** Rows of {@code parts <- spelled whole}. */
    private static final class Table {
        private final List<Tie> ties = new ArrayList<>();
        private String before = "";

        /** A row: the name that is written, further spellings (after {@link #before}), and the hidden parts. */
        void add(Arrangement arrangement, List<String> parts, String written, String... spellings)
                throws LayoutException {
            List<NameTemplate> wholes = new ArrayList<>();
            wholes.add(NameTemplate.of(written));
            for (String spelling : spellings) {
                wholes.add(NameTemplate.after(before, spelling));
            }
            List<NameTemplate> hidden = new ArrayList<>();
            for (String part : parts) {
                hidden.add(NameTemplate.of(HIDDEN + part));
            }
            ties.add(new Tie(List.copyOf(wholes), arrangement, hidden));
        }

        void add(String part, String written, String... spellings) throws LayoutException {
            add(Arrangement.SAME, List.of(part), written, spellings);
        }
    }

    private static void huggingFaceLlama(Table table) throws LayoutException {
        table.before = HF_LLAMA_BEFORE;
        String[][] rows = {
            {"embed.weight", "embed_tokens.weight"},
            {"{n}.norm1.{w}", "layers.{n}.input_layernorm.{w}"},
            {"{n}.q.{w}", "layers.{n}.self_attn.q_proj.{w}"},
            {"{n}.k.{w}", "layers.{n}.self_attn.k_proj.{w}"},
            {"{n}.v.{w}", "layers.{n}.self_attn.v_proj.{w}"},
            {"{n}.q_norm.{w}", "layers.{n}.self_attn.q_norm.{w}"},
            {"{n}.k_norm.{w}", "layers.{n}.self_attn.k_norm.{w}"},
            {"{n}.o.{w}", "layers.{n}.self_attn.o_proj.{w}"},
            {"{n}.norm2.{w}", "layers.{n}.post_attention_layernorm.{w}"},
            {"{n}.gate.{w}", "layers.{n}.mlp.gate_proj.{w}"},
            {"{n}.up.{w}", "layers.{n}.mlp.up_proj.{w}"},
            {"{n}.down.{w}", "layers.{n}.mlp.down_proj.{w}"},
            {"{n}.router.{w}", "layers.{n}.block_sparse_moe.gate.{w}"},
            {"{n}.{e}.gate.{w}", "layers.{n}.block_sparse_moe.experts.{e}.w1.{w}"},
            {"{n}.{e}.up.{w}", "layers.{n}.block_sparse_moe.experts.{e}.w3.{w}"},
            {"{n}.{e}.down.{w}", "layers.{n}.block_sparse_moe.experts.{e}.w2.{w}"},
            {"norm.{w}", "norm.{w}"},
        };
        for (String[] row : rows) {
            table.add(row[0], "model." + row[1], row[1]);
        }
        table.add("head.weight", "lm_head.weight", "lm_head.weight");
    }

    private static void huggingFaceGpt2(Table table) throws LayoutException {
        table.before = HF_GPT2_BEFORE;
        Arrangement turned = Arrangement.SAME.asTransposed();
        String layer = "transformer.h.{n}.";
        table.add("embed.weight", "transformer.wte.weight", "wte.weight");
        table.add("pos.weight", "transformer.wpe.weight", "wpe.weight");
        table.add("{n}.norm1.{w}", layer + "ln_1.{w}", "h.{n}.ln_1.{w}");
        table.add(
                Arrangement.together(3).asTransposed(),
                List.of("{n}.q.{w}", "{n}.k.{w}", "{n}.v.{w}"),
                layer + "attn.c_attn.{w}",
                "h.{n}.attn.c_attn.{w}");
        table.add(turned, List.of("{n}.o.{w}"), layer + "attn.c_proj.{w}", "h.{n}.attn.c_proj.{w}");
        table.add("{n}.norm2.{w}", layer + "ln_2.{w}", "h.{n}.ln_2.{w}");
        table.add(turned, List.of("{n}.up.{w}"), layer + "mlp.c_fc.{w}", "h.{n}.mlp.c_fc.{w}");
        table.add(turned, List.of("{n}.down.{w}"), layer + "mlp.c_proj.{w}", "h.{n}.mlp.c_proj.{w}");
        table.add("norm.{w}", "transformer.ln_f.{w}", "ln_f.{w}");
        table.add("head.weight", "lm_head.weight", "lm_head.weight");
    }

    private void megatron(Table table, Scheme scheme, Heads heads) throws LayoutException {
        table.before = MEGATRON_BEFORE;
        boolean legacy = scheme == Scheme.MEGATRON_LEGACY;
        String model = legacy ? "language_model." : "";
        String layers = legacy ? "language_model.encoder.layers.{n}." : "decoder.layers.{n}.";
        table.add("embed.weight", model + "embedding.word_embeddings.weight", "embedding.word_embeddings.weight");
        table.add("pos.weight", model + "embedding.position_embeddings.weight", "embedding.position_embeddings.weight");
        boolean isLlama = this == LLAMA;
        String norm = isLlama ? "norm" : "layernorm";
        table.add(
                "{n}.norm1.{w}",
                layers + (legacy ? "input_" + norm + ".{w}" : "self_attention.linear_qkv.layer_norm_{w}"),
                "layers.{n}.self_attention.linear_qkv.layer_norm_{w}",
                "layers.{n}.input_layernorm.{w}",
                "layers.{n}.input_norm.{w}");
        attention(table, layers, legacy, heads);
        table.add(
                "{n}.norm2.{w}",
                layers + (legacy ? "post_attention_" + norm + ".{w}" : "mlp.linear_fc1.layer_norm_{w}"),
                "layers.{n}.mlp.linear_fc1.layer_norm_{w}",
                "layers.{n}.pre_mlp_layernorm.{w}",
                "layers.{n}.post_attention_layernorm.{w}",
                "layers.{n}.post_attention_norm.{w}");
        feedForward(table, layers, legacy);
        String last = legacy ? "language_model.encoder.final_" + norm : "decoder.final_layernorm";
        table.add("norm.{w}", last + ".{w}", "final_layernorm.{w}", "final_norm.{w}");
        table.add("head.weight", model + "output_layer.weight", "output_layer.weight", "lm_head.weight");
    }

    private static void attention(Table table, String layers, boolean legacy, Heads heads) throws LayoutException {
        table.add(
                new Arrangement(false, 0, heads),
                List.of("{n}.q.{w}", "{n}.k.{w}", "{n}.v.{w}"),
                layers + "self_attention." + (legacy ? "query_key_value.{w}" : "linear_qkv.{w}"),
                "layers.{n}.self_attention.linear_qkv.{w}",
                "layers.{n}.self_attention.query_key_value.{w}",
                "layers.{n}.attention.query_key_value.{w}");
        table.add(
                "{n}.q_norm.{w}",
                layers + "self_attention.q_layernorm.{w}",
                "layers.{n}.self_attention.q_layernorm.{w}");
        table.add(
                "{n}.k_norm.{w}",
                layers + "self_attention.k_layernorm.{w}",
                "layers.{n}.self_attention.k_layernorm.{w}");
        table.add(
                "{n}.o.{w}",
                layers + "self_attention." + (legacy ? "dense.{w}" : "linear_proj.{w}"),
                "layers.{n}.self_attention.linear_proj.{w}",
                "layers.{n}.self_attention.dense.{w}",
                "layers.{n}.attention.dense.{w}");
    }

    private void feedForward(Table table, String layers, boolean legacy) throws LayoutException {
        boolean gated = this == LLAMA;
        table.add(
                gated ? Arrangement.together(2) : Arrangement.SAME,
                gated ? List.of("{n}.gate.{w}", "{n}.up.{w}") : List.of("{n}.up.{w}"),
                layers + (legacy ? "mlp.dense_h_to_4h.{w}" : "mlp.linear_fc1.{w}"),
                "layers.{n}.mlp.linear_fc1.{w}",
                "layers.{n}.mlp.dense_h_to_4h.{w}");
        table.add(
                "{n}.down.{w}",
                layers + (legacy ? "mlp.dense_4h_to_h.{w}" : "mlp.linear_fc2.{w}"),
                "layers.{n}.mlp.linear_fc2.{w}",
                "layers.{n}.mlp.dense_4h_to_h.{w}");
        if (gated) {
            table.add("{n}.router.{w}", layers + "mlp.router.{w}", "layers.{n}.mlp.router.{w}");
            String expert = "mlp.experts.local_experts.{e}.";
            table.add(
                    Arrangement.together(2),
                    List.of("{n}.{e}.gate.{w}", "{n}.{e}.up.{w}"),
                    layers + expert + "linear_fc1.{w}",
                    "layers.{n}." + expert + "linear_fc1.{w}",
                    "layers.{n}.mlp.experts.{e}.linear_fc1.{w}",
                    "layers.{n}.mlp.experts.experts.{e}.linear_fc1.{w}");
            table.add(
                    "{n}.{e}.down.{w}",
                    layers + expert + "linear_fc2.{w}",
                    "layers.{n}." + expert + "linear_fc2.{w}",
                    "layers.{n}.mlp.experts.{e}.linear_fc2.{w}",
                    "layers.{n}.mlp.experts.experts.{e}.linear_fc2.{w}");
            groupedExperts(table, layers);
            apart(table, layers, "mlp.", "{n}.");
            apart(table, layers, "mlp.experts.experts.{e}.", "{n}.{e}.");
        }
    }

    /** Experts of one module: a matrix each, or, where stacks were taken apart, what was one of two matrices turned. */
    private static void groupedExperts(Table table, String layers) throws LayoutException {
        String experts = "mlp.experts.";
        for (String w : List.of("weight", "bias")) {
            List<String> gated = List.of("{n}.{e}.gate." + w, "{n}.{e}.up." + w);
            String one = experts + "linear_fc1." + w + "{e}";
            String two = experts + "linear_fc2." + w + "{e}";
            table.add(Arrangement.together(2), gated, layers + one, "layers.{n}." + one);
            table.add("{n}.{e}.down." + w, layers + two, "layers.{n}." + two);
        }
        Arrangement turned = Arrangement.SAME.asTransposed();
        List<String> gated = List.of("{n}.{e}.gate.weight", "{n}.{e}.up.weight");
        table.add(Arrangement.together(2).asTransposed(), gated, layers + experts + "{e}.weight1");
        table.add(turned, List.of("{n}.{e}.down.weight"), layers + experts + "{e}.weight2");
    }

    /** Gate and up projection that were saved apart. */
    private static void apart(Table table, String layers, String module, String part) throws LayoutException {
        for (String w : List.of("weight", "bias")) {
            String one = module + "linear_fc1." + w;
            table.add(part + "gate." + w, layers + one + "_w", "layers.{n}." + one + "_w");
            table.add(part + "up." + w, layers + one + "_v", "layers.{n}." + one + "_v");
        }
    }

    private static final Pattern OTHER_FORM = Pattern.compile(MEGATRON_BEFORE
            + "layers\\.(?:\\d+\\.)?mlp\\.(?:experts\\.(?:weight[12]|linear_fc[12]\\.(?:weight|bias)\\d+)"
            + "|.*linear_fc1\\.(?:weight|bias)_[wv])");

    /** Whether {@code name} is of a tensor that its own scheme writes in another form, not only under another name. */
    static boolean isOtherForm(String name) {
        return OTHER_FORM.matcher(name).matches();
    }

    /** Layers, and experts in them, that Megatron's distributed checkpoints keep on an axis. */
    static List<Stacked> stacks() throws LayoutException {
        return List.of(
                new Stacked(
                        NameTemplate.after(MEGATRON_BEFORE, "layers.{r**}"),
                        NameTemplate.of("decoder.layers.{i}.{r**}"),
                        "i",
                        0,
                        0),
                new Stacked(
                        NameTemplate.of("decoder.layers.{n}.mlp.experts.experts.{r**}"),
                        NameTemplate.of("decoder.layers.{n}.mlp.experts.experts.{e}.{r**}"),
                        "e",
                        0,
                        0),
                new Stacked(
                        NameTemplate.of("decoder.layers.{n}.mlp.experts.{r**}"),
                        NameTemplate.of("decoder.layers.{n}.mlp.experts.{e}.{r**}"),
                        "e",
                        0,
                        0));
    }
}
