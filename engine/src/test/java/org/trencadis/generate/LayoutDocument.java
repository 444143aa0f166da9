package org.trencadis.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The document of the layout language that a person would write for a made-up model. */
final class LayoutDocument {
    private LayoutDocument() {}

    static String of(List<Parameter> parameters, ParallelLayout layout) {
        StringBuilder text = new StringBuilder("trencadis: 1\n");
        text.append("mesh: [{pp: ").append(layout.pp()).append("}, {dp: ").append(layout.dp());
        text.append("}, {tp: ").append(layout.tp()).append("}]\n");
        text.append("zero: {stage: ").append(layout.stage()).append(", over: [dp]}\nrules:\n");
        for (Parameter parameter : parameters) {
            text.append("  - {match: '")
                    .append(parameter.name().replace(".", "\\."))
                    .append("$', ");
            text.append(rule(parameter)).append("}\n");
        }
        return text.toString();
    }

    private static String rule(Parameter parameter) {
        Split split = parameter.split();
        return switch (split.kind()) {
            case REPLICATED -> "replicate: {}";
            case AVERAGED -> "average: {}";
            case ROWS -> "shard: {dim: 0}";
            case COLUMNS -> "shard: {dim: 1}";
            case HALVES -> "shard: {dim: 0, parts: [one, other]}";
            case VOCABULARY ->
                "shard: {dim: 0}, pad: {dim: 0, multiple: 4, extent: "
                        + parameter.shape()[0] + "}";
            case PARTS -> "shard: {dim: 0, parts: " + parts(split) + "}";
            case BLOCKS ->
                "shard: {dim: 0, interleave: " + split.parts().length + ", widths: "
                        + Arrays.toString(split.widths()[0]) + "}";
        };
    }

    private static List<String> parts(Split split) {
        List<String> parts = new ArrayList<>();
        for (int i = 0; i < split.parts().length; i++) {
            String widths = Arrays.toString(split.widths()[i]);
            parts.add("{part" + i + ": {size: " + split.parts()[i] + ", widths: " + widths + "}}");
        }
        return parts;
    }
}
