package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Group;

class RunStateTest {
    private static Value.Text text(String text) {
        return new Value.Text(text);
    }

    private static Value.Mapping mapping(Object... pairs) {
        List<Value.Entry> entries = new ArrayList<>();
        for (int i = 0; i < pairs.length; i += 2) {
            entries.add(new Value.Entry(text((String) pairs[i]), (Value) pairs[i + 1]));
        }
        return new Value.Mapping(entries);
    }

    private static Value canonical(Value.Mapping scaler, Group... groups) throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            for (Group group : groups) {
                builder.addGroup(group);
            }
            if (scaler != null) {
                builder.addFact("loss_scaler", scaler);
            }
            try (Catalog catalog = builder.build("test")) {
                return RunState.canonical(catalog);
            }
        }
    }

    private static Group group(Value.Mapping settings, String... names) {
        return new Group("g", List.of(names), false, settings);
    }

    private static final Value BETAS = new Value.Sequence(List.of(new Value.Real(0.9), new Value.Real(0.95)));

    @Test
    void hasTheFormOfTheSpecification() throws IOException {
        Value.Mapping settings = mapping(
                "weight_decay", new Value.Real(0.1),
                "lr", new Value.Real(1e-3),
                "betas", new Value.Tuple(List.of(new Value.Real(0.9), new Value.Real(0.95))),
                "foreach", new Value.None(),
                "fused", new Value.Bool(true),
                "capturable", new Value.Bool(false),
                "differentiable", new Value.Bool(false),
                "params", new Value.Sequence(List.of()),
                "step", new Value.Real(3));
        Value expected = new Value.Tuple(List.of(
                new Value.Sequence(List.of(new Value.Tuple(List.of(
                        new Value.Sequence(List.of(text("a"), text("b"), text("\uD800\uDC00".repeat(1)))),
                        new Value.Int(3),
                        mapping("lr", new Value.Real(1e-3), "betas", BETAS, "weight_decay", new Value.Real(0.1)))))),
                mapping("dynamic", new Value.Bool(false), "cur_scale", new Value.Real(1))));
        assertEquals(expected, canonical(null, group(settings, "b", "\uD800\uDC00", "a")));
    }

    @Test
    void sortsNamesAndKeysByTheirBytes() throws IOException {
        // U+FF5E comes after U+10000 as UTF-16 code units, but before it as UTF-8 bytes.
        Value canonical = canonical(null, group(mapping(), "\uD800\uDC00", "\uFF5E"));
        Value.Tuple group = (Value.Tuple)
                ((Value.Sequence) ((Value.Tuple) canonical).items().getFirst())
                        .items()
                        .getFirst();
        assertEquals(
                new Value.Sequence(List.of(text("\uFF5E"), text("\uD800\uDC00"))),
                group.items().getFirst());
        assertEquals(
                canonical(null, group(mapping("a", BETAS, "b", new Value.None()))),
                canonical(null, group(mapping("b", new Value.None(), "a", BETAS))));
    }

    @Test
    void takesStepsThatAgreeAsOneStep() throws IOException {
        Value one = canonical(null, group(mapping("step", new Value.Int(5)), "a", "b"));
        Value.Mapping both = mapping("b", new Value.Real(5), "a", new Value.Int(5));
        assertEquals(one, canonical(null, group(mapping("steps", both), "a", "b")));
        assertNotEquals(one, canonical(null, group(mapping("steps", both), "a", "b", "c")));
        Value.Mapping apart = mapping("b", new Value.Real(5), "a", new Value.Int(6));
        assertNotEquals(one, canonical(null, group(mapping("steps", apart), "a", "b")));
        assertNotEquals(one, canonical(null, group(mapping("step", new Value.Real(5.5)), "a", "b")));
        assertNotEquals(one, canonical(null, group(mapping(), "a", "b")));
    }

    @Test
    void keepsTypesOrderOfGroupsAndEveryOtherSettingApart() throws IOException {
        Group first = group(mapping("lr", new Value.Real(1)), "a");
        Group second = group(mapping("lr", new Value.Real(2)), "b");
        assertNotEquals(canonical(null, first, second), canonical(null, second, first));
        assertNotEquals(canonical(null, first), canonical(null, group(mapping("lr", new Value.Int(1)), "a")));
        assertNotEquals(
                canonical(null, first),
                canonical(null, group(mapping("lr", new Value.Real(1), "amsgrad", new Value.Bool(false)), "a")));
        assertEquals(
                canonical(null, first),
                canonical(null, new Group("other", List.of("a"), true, mapping("lr", new Value.Real(1)))));
    }

    @Test
    void takesAnAbsentLossScalerAsAStaticScaleOfOne() throws IOException {
        Value none = canonical(null);
        assertEquals(none, canonical(mapping("cur_scale", new Value.Int(1), "dynamic", new Value.Bool(false))));
        assertEquals(none, canonical(mapping("cur_scale", new Value.Real(1))));
        assertNotEquals(none, canonical(mapping("cur_scale", new Value.Real(2))));
        assertNotEquals(
                none,
                canonical(mapping(
                        "cur_scale", new Value.Real(1),
                        "dynamic", new Value.Bool(true),
                        "scale_window", new Value.Int(1000))));
    }

    @Test
    void replacesSharedContainersByCopiesAndRefusesEndlessOrHugeOnes() throws IOException {
        Value.Mapping shared = mapping("a", BETAS, "b", new Value.Shared(1));
        assertEquals(canonical(null, group(mapping("a", BETAS, "b", BETAS))), canonical(null, group(shared)));
        assertThrows(CatalogException.class, () -> canonical(null, group(mapping("a", new Value.Shared(0)))));
        assertThrows(Corrupt.class, () -> canonical(null, group(mapping("a", new Value.Shared(7)))));
        List<Value> bomb = new ArrayList<>();
        bomb.add(new Value.Sequence(List.of(new Value.Int(1), new Value.Int(2))));
        for (long ordinal = 2; ordinal < 64; ordinal++) {
            bomb.add(new Value.Sequence(List.of(new Value.Shared(ordinal), new Value.Shared(ordinal))));
        }
        assertThrows(CatalogException.class, () -> canonical(null, group(mapping("a", new Value.Sequence(bomb)))));
    }
}
