package org.trencadis.layout.view;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.FileEntry;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Namings against what loops over elements say: of every element, which element of which tensor it is. */
class NamesTest {
    private final Map<String, long[]> shapes = new TreeMap<>();

    /** A model whose tensors hold nothing; names and shapes are what counts. */
    private Catalog catalog(Attachment... attachments) throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            int file = builder.addFile(new FileEntry(false, "f", 1L << 40, 0, 0, 0, 0, null));
            for (Map.Entry<String, long[]> entry : shapes.entrySet()) {
                int tensor = builder.addTensor(entry.getKey(), "model", Dtype.FLOAT32, entry.getValue());
                Region whole = Region.whole(entry.getValue());
                builder.addFragment(builder.copyOf(tensor), whole, -1, -1, file, 0, 4 * whole.count());
            }
            for (Attachment attachment : attachments) {
                builder.addAttachment(attachment);
            }
            return builder.build("model");
        }
    }

    private Map<String, View> views(Names names) throws IOException {
        Map<String, View> views = new TreeMap<>();
        for (View view : names.views("model", new LinkedHashMap<>(shapes))) {
            views.put(view.name(), view);
        }
        return views;
    }

    private Map<String, View> views(String naming, Attachment... attachments) throws IOException {
        try (Catalog catalog = catalog(attachments)) {
            return views(Names.of(catalog, List.of(), naming));
        }
    }

    /** Of each element of a view in row-major order: the source's name and the element's number in it. */
    private String[] elements(View view) {
        Box whole = Box.whole(view.shape());
        String[] elements = new String[(int) whole.elements()];
        for (View.Piece piece : view.pieces()) {
            Box to = piece.map().to();
            Box from = piece.map().from();
            for (long element = 0; element < to.elements(); element++) {
                long[] target = to.unflatten(element);
                long[] source = from.offsets().clone();
                for (int axis = 0; axis < target.length; axis++) {
                    if (piece.map().axes()[axis] >= 0) {
                        source[piece.map().axes()[axis]] += target[axis] - to.offsets()[axis];
                    }
                }
                int at = (int) whole.flatten(target);
                assertEquals(null, elements[at]);
                elements[at] = piece.source() + "#"
                        + Box.whole(shapes.get(piece.source())).flatten(source);
            }
        }
        return elements;
    }

    private static Attachment arguments(Object... pairs) {
        List<Value.Entry> entries = new java.util.ArrayList<>();
        for (int i = 0; i < pairs.length; i += 2) {
            Value value = pairs[i + 1] instanceof Boolean flag
                    ? new Value.Bool(flag)
                    : new Value.Int(((Number) pairs[i + 1]).longValue());
            entries.add(new Value.Entry(new Value.Text((String) pairs[i]), value));
        }
        Value.Mapping state = new Value.Mapping(entries);
        Value namespace =
                new Value.Instance(new Value.Global("argparse", "Namespace"), new Value.Tuple(List.of()), state);
        return new Attachment("args", "f", namespace);
    }

    private void addMegatronLlama(String before) {
        shapes.put("embedding.word_embeddings.weight", new long[] {10, 8});
        shapes.put(before + "layers.0.self_attention.linear_qkv.layer_norm_weight", new long[] {8});
        shapes.put(before + "layers.0.self_attention.linear_qkv.weight", new long[] {16, 8});
        shapes.put(before + "layers.0.self_attention.linear_proj.weight", new long[] {8, 8});
        shapes.put(before + "layers.0.mlp.linear_fc1.layer_norm_weight", new long[] {8});
        shapes.put(before + "layers.0.mlp.linear_fc1.weight", new long[] {6, 8});
        shapes.put(before + "layers.0.mlp.linear_fc2.weight", new long[] {8, 3});
        shapes.put("decoder.final_layernorm.weight", new long[] {8});
        shapes.put("output_layer.weight", new long[] {10, 8});
    }

    @Test
    void megatronsAttentionRowsTakeTurnsByGroup() throws IOException {
        addMegatronLlama("decoder.");
        Map<String, View> views = views("llama", arguments("num_attention_heads", 4, "num_query_groups", 2));
        String qkv = "decoder.layers.0.self_attention.linear_qkv.weight";
        int width = 2;
        for (int head = 0; head < 4; head++) {
            for (int row = 0; row < width; row++) {
                // A group is two query heads, a key head, a value head.
                int from = head / 2 * 4 * width + head % 2 * width + row;
                String[] q = elements(views.get("model.layers.0.self_attn.q_proj.weight"));
                assertEquals(qkv + "#" + (from * 8 + 5), q[(head * width + row) * 8 + 5]);
            }
        }
        for (int group = 0; group < 2; group++) {
            String[] k = elements(views.get("model.layers.0.self_attn.k_proj.weight"));
            String[] v = elements(views.get("model.layers.0.self_attn.v_proj.weight"));
            assertEquals(qkv + "#" + (group * 8 + 4) * 8, k[group * width * 8]);
            assertEquals(qkv + "#" + (group * 8 + 6) * 8, v[group * width * 8]);
        }
        String[] up = elements(views.get("model.layers.0.mlp.up_proj.weight"));
        assertEquals("decoder.layers.0.mlp.linear_fc1.weight#24", up[0]);
        assertEquals(
                List.of(
                        "lm_head.weight",
                        "model.embed_tokens.weight",
                        "model.layers.0.input_layernorm.weight",
                        "model.layers.0.mlp.down_proj.weight",
                        "model.layers.0.mlp.gate_proj.weight",
                        "model.layers.0.mlp.up_proj.weight",
                        "model.layers.0.post_attention_layernorm.weight",
                        "model.layers.0.self_attn.k_proj.weight",
                        "model.layers.0.self_attn.o_proj.weight",
                        "model.layers.0.self_attn.q_proj.weight",
                        "model.layers.0.self_attn.v_proj.weight",
                        "model.norm.weight"),
                List.copyOf(views.keySet()));
    }

    @Test
    void stackedLayersAreTakenApart() throws IOException {
        shapes.put("embedding.word_embeddings.weight", new long[] {10, 8});
        shapes.put("decoder.layers.self_attention.linear_qkv.weight", new long[] {3, 16, 8});
        shapes.put("decoder.layers.mlp.linear_fc2.weight", new long[] {3, 8, 3});
        Map<String, View> views = views("megatron-legacy-llama", arguments("num_attention_heads", 4));
        View down = views.get("language_model.encoder.layers.2.mlp.dense_4h_to_h.weight");
        assertArrayEquals(new long[] {8, 3}, down.shape());
        String[] elements = elements(down);
        for (int element = 0; element < elements.length; element++) {
            assertEquals("decoder.layers.mlp.linear_fc2.weight#" + (48 + element), elements[element]);
        }
    }

    /** Whichever way Megatron keeps experts, each of them has its three matrices, and the turned ones are turned back. */
    @Test
    void expertsOfEveryFormAreOneTensorEach() throws IOException {
        String layer = "decoder.layers.1.mlp.experts.";
        String gate = "model.layers.1.block_sparse_moe.experts.2.w1.weight";
        String up = "model.layers.1.block_sparse_moe.experts.2.w3.weight";
        String down = "model.layers.1.block_sparse_moe.experts.2.w2.weight";
        Map<String, String> expected = new LinkedHashMap<>();
        expected.put(layer + "weight1 4x8x6", gate + " 2*48+3*6+1");
        expected.put(layer + "weight1 4x8x6 ", up + " 2*48+3*6+4");
        expected.put(layer + "weight2 4x3x8", down + " 2*24+1*8+3");
        expected.put(layer + "linear_fc1.weight2 6x8", up + " 4*8+3");
        expected.put(layer + "linear_fc2.weight2 8x3", down + " 3*3+1");
        expected.put(layer + "local_experts.2.linear_fc1.weight 6x8", gate + " 1*8+3");
        expected.put("decoder.layers.mlp.experts.experts.linear_fc1.weight 3x4x6x8", gate + " 6*48+1*8+3");
        expected.put("decoder.layers.mlp.experts.experts.linear_fc2.weight 3x4x8x3", down + " 6*24+3*3+1");
        expected.put(layer + "experts.linear_fc1.weight 4x6x8", up + " 2*48+4*8+3");
        expected.put(layer + "experts.2.linear_fc1.weight_v 3x8", up + " 1*8+3");
        expected.put(layer + "experts.2.linear_fc2.weight 8x3", down + " 3*3+1");
        for (Map.Entry<String, String> form : expected.entrySet()) {
            String[] source = form.getKey().split(" ");
            String[] target = form.getValue().split(" ");
            shapes.clear();
            shapes.put("decoder.layers.1.self_attention.linear_qkv.weight", new long[] {24, 8});
            shapes.put(
                    source[0],
                    Arrays.stream(source[1].split("x"))
                            .mapToLong(Long::parseLong)
                            .toArray());
            View view = views("llama,heads=1,kv=1").get(target[0]);
            assertArrayEquals(target[0].equals(down) ? new long[] {8, 3} : new long[] {3, 8}, view.shape());
            long element = Arrays.stream(target[1].split("\\+"))
                    .mapToLong(term -> Arrays.stream(term.split("\\*"))
                            .mapToLong(Long::parseLong)
                            .reduce(1, Math::multiplyExact))
                    .sum();
            int at = target[0].equals(down) ? 3 * 3 + 1 : 8 + 3;
            assertEquals(source[0] + "#" + element, elements(view)[at], form.getKey());
            // Under Megatron's own names, too, experts of every form are called alike.
            String whole = target[0].equals(down) ? "linear_fc2.weight" : "linear_fc1.weight";
            boolean isHalf = source[0].endsWith("_v");
            assertEquals(
                    !isHalf,
                    !isHalf && views("megatron-llama,heads=1,kv=1").containsKey(layer + "local_experts.2." + whole));
        }
    }

    @Test
    void gpt2IsTurnedAndItsAttentionRearranged() throws IOException {
        shapes.put("wte.weight", new long[] {10, 4});
        shapes.put("wpe.weight", new long[] {6, 4});
        shapes.put("h.0.attn.c_attn.weight", new long[] {4, 12});
        shapes.put("h.0.attn.c_attn.bias", new long[] {12});
        shapes.put("h.0.mlp.c_fc.weight", new long[] {4, 16});
        Map<String, View> views = views("megatron-gpt2,heads=2");
        String[] qkv = elements(views.get("decoder.layers.0.self_attention.linear_qkv.weight"));
        String[] bias = elements(views.get("decoder.layers.0.self_attention.linear_qkv.bias"));
        for (int row = 0; row < 12; row++) {
            int head = row / 6;
            int part = row / 2 % 3;
            int column = part * 4 + head * 2 + row % 2;
            assertEquals("h.0.attn.c_attn.bias#" + column, bias[row]);
            for (int in = 0; in < 4; in++) {
                assertEquals("h.0.attn.c_attn.weight#" + (in * 12 + column), qkv[row * 4 + in]);
            }
        }
        String[] fc = elements(views.get("decoder.layers.0.mlp.linear_fc1.weight"));
        assertEquals("h.0.mlp.c_fc.weight#" + (3 * 16 + 7), fc[7 * 4 + 3]);
    }

    @Test
    void everyNamingLeadsToEveryOtherAndBack() throws IOException {
        addMegatronLlama("decoder.");
        Map<String, long[]> megatron = new TreeMap<>(shapes);
        String said = ",heads=4,kv=2";
        Map<String, View> there = views("llama" + said);
        shapes.clear();
        there.forEach((name, view) -> shapes.put(name, view.shape()));
        for (String naming : List.of("megatron-llama", "megatron-legacy-llama", "llama")) {
            Map<String, View> views = views(naming + said);
            assertEquals(naming.equals("llama") ? 12 : 9, views.size());
        }
        Map<String, View> back = views("hf-llama:megatron-llama" + said);
        assertEquals(megatron.keySet(), back.keySet());
        // Back through both maps every element is itself.
        for (View view : back.values()) {
            String[] elements = elements(view);
            for (int element = 0; element < elements.length; element++) {
                int at = elements[element].indexOf('#');
                View part = there.get(elements[element].substring(0, at));
                Map<String, long[]> parts = new TreeMap<>(shapes);
                shapes.putAll(megatron);
                String origin = elements(part)[Integer.parseInt(elements[element].substring(at + 1))];
                shapes.clear();
                shapes.putAll(parts);
                assertEquals(view.name() + "#" + element, origin);
            }
        }
    }

    @Test
    void whatIsCutAndJoinedAgainIsWhole() throws IOException {
        addMegatronLlama("");
        for (View view : views("megatron-legacy-llama,heads=4,kv=2,vocab=9").values()) {
            int margins = view.shape().length == 2 && view.shape()[0] == 9 ? 1 : 0;
            assertEquals(1 + margins, view.pieces().size(), view.toString());
        }
        assertEquals(
                9,
                views("megatron-llama", arguments("num_attention_heads", 4, "num_query_groups", 2, "vocab_size", 9))
                        .get("output_layer.weight")
                        .shape()[0]);
        shapes.clear();
        shapes.put("h.0.attn.c_attn.weight", new long[] {4, 12});
        assertEquals(
                1,
                views("gpt2,vocab=9")
                        .get("transformer.h.0.attn.c_attn.weight")
                        .pieces()
                        .size());
    }

    @Test
    void modulesOfAPipelineAreNumberedAmongLayers() throws IOException {
        shapes.put("tied_modules.embed.word_embeddings.weight", new long[] {10, 8});
        shapes.put("tied_modules.embed.position_embeddings.weight", new long[] {10, 8});
        for (int layer = 3; layer < 15; layer++) {
            shapes.put(layer + ".self_attention.query_key_value.weight", new long[] {24, 8});
            shapes.put(layer + ".mlp.dense_h_to_4h.bias", new long[] {9});
        }
        shapes.put("16.weight", new long[] {8});
        shapes.put("16.bias", new long[] {8});
        Map<String, View> views = views("gpt2,heads=4");
        assertEquals("14.mlp.dense_h_to_4h.bias#3", elements(views.get("transformer.h.11.mlp.c_fc.bias"))[3]);
        assertEquals("16.bias#1", elements(views.get("transformer.ln_f.bias"))[1]);
        assertTrue(views.containsKey("transformer.wpe.weight"));
        assertTrue(views.containsKey("transformer.wte.weight"));
        assertEquals(28, views.size());
    }

    @Test
    void rowsOfPaddingBecomeAMargin() throws IOException {
        addMegatronLlama("");
        View embedding = views("llama,heads=4,kv=2,vocab=7").get("model.embed_tokens.weight");
        assertArrayEquals(new long[] {7, 8}, embedding.shape());
        assertEquals(2, embedding.pieces().size());
        assertEquals(
                new Box(new long[] {7, 0}, new long[] {3, 8}),
                embedding.pieces().get(1).map().to());
    }

    @Test
    void headsAreNeverGuessed() throws IOException {
        addMegatronLlama("decoder.");
        assertTrue(refused("llama").contains("number of attention heads is needed"));
        assertTrue(refused("llama,heads=4").contains("number of key and value heads is needed"));
        assertTrue(refused("llama,heads=4,kv=3").contains("4 attention heads cannot share 3"));
        assertTrue(refused("llama,heads=64,kv=64").contains("cannot be cut on axis 0"));
        // Without grouped attention every head has its own key head, whatever the number of groups says.
        Attachment ungrouped =
                arguments("num_attention_heads", 2, "num_query_groups", 1, "group_query_attention", false);
        shapes.keySet().removeIf(name -> name.contains("linear_qkv.weight"));
        shapes.put("decoder.layers.0.self_attention.linear_qkv.weight", new long[] {24, 8});
        assertArrayEquals(
                new long[] {8, 8},
                views("llama", ungrouped)
                        .get("model.layers.0.self_attn.k_proj.weight")
                        .shape());
    }

    private String refused(String naming) {
        return assertThrows(LayoutException.class, () -> views(naming)).getMessage();
    }

    @Test
    void whatIsNotUnderstoodIsSaid() throws IOException {
        shapes.put("something.else", new long[] {2});
        assertTrue(refused("llama").contains("no tensor is named as in any llama"));
        assertTrue(refused("llame").contains("'llame' is no naming that is known; these are: llama, megatron-llama,"));
        assertTrue(refused("llama,head=3").contains("found 'head=3'"));
        assertTrue(refused("llama:gpt2").contains("not names of the same architecture"));
        shapes.put("model.layers.0.self_attn.q_proj.weight", new long[] {2, 2});
        shapes.put("decoder.layers.0.self_attention.linear_qkv.weight", new long[] {6, 2});
        assertTrue(refused("llama,heads=1,kv=1").contains("several namings of llama, say which to read"));
    }

    @Test
    void renamesAreTheFirstThatMatchesFromTheStart() throws IOException {
        for (String name : List.of("a.x", "b.x", "ab.x", "other")) {
            shapes.put(name, new long[] {1});
        }
        try (Catalog catalog = catalog()) {
            Names names = Names.of(catalog, List.of("a\\.(.)=b.\\1", "b\\.=a.", "(?<=nothing)=y", "x=z"), null);
            Map<String, View> views = views(names);
            assertEquals(List.of("a.x", "ab.x", "b.x", "other"), List.copyOf(views.keySet()));
            assertEquals("b.x#0", elements(views.get("a.x"))[0]);
            assertEquals(List.of("rename '(?<=nothing)=y'", "rename 'x=z'"), names.unused());
            LayoutException taken =
                    assertThrows(LayoutException.class, () -> views(Names.of(catalog, List.of("[ab]\\.x=same"), null)));
            assertEquals(
                    "names: rename makes same of b.x, but that name is taken by a.x (state model)", taken.getMessage());
            assertThrows(LayoutException.class, () -> Names.of(catalog, List.of("a"), null));
            assertThrows(LayoutException.class, () -> Names.of(catalog, List.of("(=b"), null));
            assertThrows(LayoutException.class, () -> Names.of(catalog, List.of("a=$1"), null));
        }
    }

    @Test
    void aFileOfRulesCutsJoinsTurnsAndStacks() throws IOException {
        shapes.put("block.1.qkv", new long[] {8, 2});
        shapes.put("block.2.qkv", new long[] {8, 2});
        shapes.put("block.1.a", new long[] {2, 3});
        shapes.put("block.2.a", new long[] {2, 3});
        shapes.put("block.1.b", new long[] {2, 1});
        shapes.put("block.2.b", new long[] {2, 1});
        String rules = """
                trencadis: 1
                names:
                  heads: 4
                  kv: 2
                  rules:
                  - {rename: {'block\\.': 'l.'}}
                  - {split: 'l.{n}.qkv', into: ['l.{n}.q', 'l.{n}.k', 'l.{n}.v'], groups: attention}
                  - {join: ['l.{n}.a', 'l.{n}.b'], into: 'l.{n}.ab', axis: 1}
                  - {transpose: 'l.{n}.ab'}
                  - {stack: 'l.{n}.q', into: q, number: n, first: 1}
                """;
        try (Catalog catalog = catalog()) {
            Map<String, View> views = views(Names.ofFile(catalog, List.of(), "rules.yaml", rules));
            assertEquals(
                    List.of("l.1.ab", "l.1.k", "l.1.v", "l.2.ab", "l.2.k", "l.2.v", "q"), List.copyOf(views.keySet()));
            assertArrayEquals(new long[] {2, 4, 2}, views.get("q").shape());
            String[] q = elements(views.get("q"));
            // Heads 0 and 1, then 2 and 3, one row each, of layer 2.
            assertEquals("block.2.qkv#0", q[8]);
            assertEquals("block.2.qkv#2", q[10]);
            assertEquals("block.2.qkv#8", q[12]);
            assertEquals("block.2.qkv#11", q[15]);
            String[] ab = elements(views.get("l.1.ab"));
            assertArrayEquals(new long[] {4, 2}, views.get("l.1.ab").shape());
            assertEquals("block.1.a#5", ab[5]);
            assertEquals("block.1.b#1", ab[7]);
        }
    }

    @Test
    void aFileThatIsNotUnderstoodSaysWhere() throws IOException {
        shapes.put("a", new long[] {2});
        Map<String, String> faults = new LinkedHashMap<>();
        String before = "trencadis: 1\nnames: {rules: [";
        faults.put(before + "{split: a}]}", "f:2:17: 'into' is missing");
        faults.put(before + "{splt: a}]}", "f:2:17: a rule is one of rename, split, join, transpose,");
        faults.put(before + "{split: a, to: b}]}", "f:2:32: a rule has no key 'to'");
        faults.put("trencadis: 1\nnames: {rulez: []}", "f:2:16: names has no key 'rulez'");
        faults.put("trencadis: 1", "f:1:1: no 'names' are given");
        faults.put("names: {rules: []}", "f:1:1: a layout begins with 'trencadis: 1'");
        faults.put(before + "{transpose: a, axes: [1]}]}", "f:2:17: [1] is no order of the 1 axes of a");
        faults.put(before + "{unstack: '{n', into: b}]}", "f:2:27: names: '{n' holds a place");
        faults.put(before + "{unstack: a, into: b}]}", "f:2:36: 'b' holds no place {i} for the number");
        faults.put(before + "{stack: 'a.{n}', into: b}]}", "f:2:25: 'a.{n}' holds no place {i} for the number");
        faults.put(before + "{stack: 'a.{w}', into: b, number: w}]}", "f:2:25: 'a.{w}' holds no place {w}");
        faults.put(before + "{split: a, into: [b], groups: 0}]}", "f:2:47: groups is from 1");
        faults.put(before + "{rename: {'(': b}}]}", "f:2:17: rename '(=b': no regular expression");
        faults.put(before, "f:");
        try (Catalog catalog = catalog()) {
            for (Map.Entry<String, String> fault : faults.entrySet()) {
                String message = assertThrows(
                                LayoutException.class,
                                () -> views(Names.ofFile(catalog, List.of(), "f", fault.getKey())))
                        .getMessage();
                assertTrue(message.startsWith(fault.getValue()), message);
            }
        }
    }
}
