package org.trencadis.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.trencadis.format.Value;

/** What DeepSpeed's converter writes beside a tensor, for each kind of declaration. */
final class ShardRulesTest {
    private static final long[] SHAPE = {12, 8};

    @Test
    void withoutADeclarationTensorsAreCutAlongTheirFirstAxis() throws IOException {
        assertEquals(new ShardTags(0, 1, null, false, 0), new ShardRules(null, null).tags("a.weight", SHAPE));
    }

    @Test
    void eachCategoryHasItsTags() throws IOException {
        ShardRules rules = new ShardRules(
                mapping(
                        "universal_checkpoint_version", new Value.Real(0.4),
                        "vocabulary_parameter_patterns", texts("embed"),
                        "tp_replicated_parameter_patterns", texts("norm", "embed_r"),
                        "parameter_to_average_patterns", texts("alibi"),
                        "parameter_with_row_parallelism_patterns", texts(".*\\.down"),
                        "parameter_with_2_sub_params_cat_dim_0", texts(".*\\.gate_up"),
                        "affine_map", mapping("version", number(1), "params", mapping("^mapped$", mapping()))),
                null);
        assertEquals(new ShardTags(0, 1, null, true, 0), rules.tags("embed.weight", SHAPE));
        assertEquals(new ShardTags(-1, 1, null, true, 0), rules.tags("embed_r.weight", SHAPE));
        assertEquals(new ShardTags(-1, 1, null, false, 0), rules.tags("norm.weight", SHAPE));
        assertEquals(new ShardTags(-1, 1, null, false, 0), rules.tags("alibi", SHAPE));
        assertEquals(new ShardTags(1, 1, null, false, 0), rules.tags("l.0.down.weight", SHAPE));
        assertEquals(new ShardTags(0, 2, null, false, 0), rules.tags("l.0.gate_up.weight", SHAPE));
        assertEquals(new ShardTags(-1, 1, null, false, 0), rules.tags("mapped", SHAPE));
        assertEquals(new ShardTags(0, 1, null, false, 0), rules.tags("mapped.too", SHAPE));
    }

    @Test
    void subParametersKeepTheirViewAndResolveItsOpenExtent() throws IOException {
        Value shape = new Value.Tuple(List.of(number(3), new Value.Tuple(List.of(number(3), number(1))), number(-1)));
        ShardTags tags = declared(0.4, shape, 1).tags("mix.up", SHAPE);
        assertArrayEquals(new long[] {3, 4, 8}, tags.fileShape(SHAPE));
        assertArrayEquals(new long[] {3, 1}, tags.sub().parts()[1]);
        assertNull(tags.sub().parts()[0]);
        assertEquals(1, tags.sub().axis());
    }

    @Test
    void aNumberOfSubParametersInOldVersionsBecomesTheirSizes() throws IOException {
        Value shape = new Value.Tuple(List.of(number(3), number(-1)));
        ShardTags tags = declared(0.2, shape, 0).tags("mix.qkv", SHAPE);
        assertArrayEquals(new long[] {4, 4, 4}, tags.sub().parts()[0]);
        assertArrayEquals(SHAPE, tags.fileShape(SHAPE));
    }

    @Test
    void declarationsOfOtherFormsAreNoRules() throws IOException {
        ShardRules rules = new ShardRules(
                mapping(
                        "parameter_with_sub_params",
                        new Value.Sequence(List.of(number(1), mapping("patterns", texts("x"), "shape", number(4)))),
                        "vocabulary_parameter_patterns",
                        number(7)),
                number(3));
        assertEquals(new ShardTags(0, 1, null, false, 0), rules.tags("x", SHAPE));
    }

    @Test
    void fusedExpertsSayHowManyTheyAre() throws IOException {
        Value layer = mapping("expert_key_prefix", new Value.Text("l.mlp.experts"), "num_experts", number(12));
        ShardRules rules = new ShardRules(null, new Value.Sequence(List.of(layer)));
        assertEquals(new ShardTags(0, 1, null, false, 12), rules.tags("l.mlp.experts.w1", SHAPE));
        assertEquals(new ShardTags(0, 1, null, false, 0), rules.tags("l.mlp.experts.w1.0", SHAPE));
        assertTrue(rules.tags("l.mlp.experts.w1", SHAPE).count() == 3);
    }

    private static ShardRules declared(double version, Value shape, int axis) throws IOException {
        Value entry = mapping("patterns", texts("mix"), "shape", shape, "partition_dim", number(axis));
        return new ShardRules(
                mapping(
                        "universal_checkpoint_version", new Value.Real(version),
                        "parameter_with_sub_params", new Value.Sequence(List.of(entry))),
                null);
    }

    private static Value number(long value) {
        return new Value.Int(value);
    }

    private static Value texts(String... texts) {
        return new Value.Sequence(
                Arrays.stream(texts).map(text -> (Value) new Value.Text(text)).toList());
    }

    private static Value mapping(Object... keysAndValues) {
        List<Value.Entry> entries = new ArrayList<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            entries.add(new Value.Entry(new Value.Text((String) keysAndValues[i]), (Value) keysAndValues[i + 1]));
        }
        return new Value.Mapping(entries);
    }
}
