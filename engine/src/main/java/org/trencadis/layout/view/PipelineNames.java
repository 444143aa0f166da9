package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;

/**
 * Names of a DeepSpeed pipeline, which numbers its modules from one end to the other: {@code 3.mlp.dense_4h_to_h.weight}.
 * What stands before the layers is the embedding, what stands after them the last norm and the head.
 */
final class PipelineNames {
    private static final Pattern NUMBERED = Pattern.compile("(?:module\\.)?([0-9]{1,6})\\.(.+)");
    private static final Pattern TIED = Pattern.compile("(?:module\\.)?tied_modules\\.[^.]+\\.(.+)");
    private static final Pattern POSITIONS = Pattern.compile("(?:.*\\.)?(?:position_embeddings|wpe)\\.weight");

    private final String layerName;
    private final List<Integer> layers;

    private PipelineNames(String layerName, Collection<Integer> layers) {
        this.layerName = layerName;
        this.layers = new ArrayList<>(layers);
    }

    /**
     * The pipeline whose layers hold what {@code attention} is the name of, or null where {@code names} are of none.
     *
     * @param layerName what a layer's number follows in {@code attention}: {@code layers.}
     */
    static PipelineNames find(Collection<String> names, Tie attention, String layerName) {
        TreeSet<Integer> layers = new TreeSet<>();
        for (String name : names) {
            Matcher numbered = NUMBERED.matcher(name);
            if (numbered.matches() && attention.isWhole(layerName + numbered.group(1) + "." + numbered.group(2))) {
                layers.add(Integer.valueOf(numbered.group(1)));
            }
        }
        return layers.isEmpty() ? null : new PipelineNames(layerName, layers);
    }

    /** Gives layers their number among the layers, and the ends their names of no framework. */
    boolean apply(ViewSet tensors) throws LayoutException {
        boolean changed = false;
        for (String name : tensors.names()) {
            String plain = findPlain(name, tensors.find(name).shape().length);
            if (plain != null) {
                View view = tensors.take(name);
                tensors.put(new View(plain, view.shape(), view.pieces()), "the naming of pipelines");
                changed = true;
            }
        }
        return changed;
    }

    private String findPlain(String name, int order) {
        Matcher tied = TIED.matcher(name);
        if (tied.matches()) {
            return embedding(tied.group(1), order);
        }
        Matcher numbered = NUMBERED.matcher(name);
        if (!numbered.matches()) {
            return null;
        }
        int number = Integer.parseInt(numbered.group(1));
        String rest = numbered.group(2);
        int layer = layers.indexOf(number);
        if (layer >= 0) {
            return layerName + layer + "." + rest;
        }
        if (number < layers.getFirst()) {
            return embedding(rest, order);
        }
        if (number < layers.getLast()) {
            return null;
        }
        String last = rest.substring(rest.lastIndexOf('.') + 1);
        boolean isNorm = order == 1 && (last.equals("weight") || last.equals("bias"));
        return isNorm ? "~norm." + last : order == 2 && last.equals("weight") ? "~head.weight" : null;
    }

    private static String embedding(String rest, int order) {
        if (POSITIONS.matcher(rest).matches()) {
            return "~pos.weight";
        }
        return order == 2 && (rest.equals("weight") || rest.endsWith(".weight")) ? "~embed.weight" : null;
    }
}
