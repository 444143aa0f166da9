package org.trencadis.layout;

import java.util.List;
import java.util.Map;

/**
 * How a training job spreads its state: a mesh of ranks and, by name, what each rank holds. Reads sources whose files do
 * not say it.
 *
 * @param origin file or preset it came from
 * @param mesh of the ranks, or null where it is not said
 * @param zero flat partition of optimizer state, or null
 * @param expert how data-parallel ranks are factorised for experts, slowest first, or null
 * @param pipeline how stages share layers, or null
 * @param rules in order; the first that matches a name holds for it
 * @param values the document's own numbers, by name
 */
public record Layout(
        String origin,
        Mesh mesh,
        Zero zero,
        Mesh expert,
        PipelineRule pipeline,
        List<Rule> rules,
        Map<String, Long> values) {
    /** The version of the language. */
    public static final int VERSION = 1;

    /**
     * ZeRO's partition.
     *
     * @param over mesh axes whose ranks share it
     */
    public record Zero(int stage, List<String> over) {
        public Zero {
            over = List.copyOf(over);
        }
    }

    /**
     * How stages share layers, for any number of stages.
     *
     * @param layers of the model, or {@link Rule#OPEN}
     * @param counts layers by depth, or null where {@code split} says them
     * @param pieces of each stage
     * @param number regular expression whose first group is the layer's number in a name; null for the source's own
     */
    public record PipelineRule(
            String place, long layers, long[] counts, Pipeline.Split split, int pieces, String number) {
        /** The layers of each of {@code stages} stages; null where the rule says only how names hold numbers. */
        public Pipeline stages(int stages) throws LayoutException {
            if (counts != null) {
                if (counts.length != stages * pieces) {
                    throw new LayoutException(place + ": 'stages' lists " + counts.length + " pieces; the source has "
                            + stages + " stages of " + pieces);
                }
                return new Pipeline(stages, counts);
            }
            if (layers == Rule.OPEN) {
                return null;
            }
            try {
                return Pipeline.of(layers, stages, pieces, split);
            } catch (LayoutException e) {
                throw new LayoutException(place + ": " + e.getMessage(), e);
            }
        }
    }

    public Layout {
        rules = List.copyOf(rules);
        values = Map.copyOf(values);
    }

    /**
     * Reads a document of the language.
     *
     * @param text YAML
     * @param origin file or preset, for messages
     * @param given numbers that the source says, by name; the document's own come first
     * @throws LayoutException that says line and column
     */
    public static Layout parse(String text, String origin, Map<String, Long> given) throws LayoutException {
        return LayoutParser.parse(LayoutYaml.read(text, origin), origin, given);
    }
}
