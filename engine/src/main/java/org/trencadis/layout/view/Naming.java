package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.trencadis.index.Catalog;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;
import org.trencadis.tensor.Shapes;

/**
 * A naming that is known, as the one that a checkpoint is to be seen in. Which one it has is recognised from its names.
 *
 * @param from the scheme that the checkpoint is said to have, or null to recognise it
 * @param settings {@code heads}, {@code kv}: attention heads; {@code vocab}: rows of the vocabulary without padding
 */
record Naming(Family family, Family.Scheme from, Family.Scheme to, Map<String, String> settings) {
    private static final Set<String> SETTINGS = Set.of("heads", "kv", "vocab");

    private record Known(Family family, Family.Scheme scheme) {}

    /**
     * Reads {@code [FROM:]TO[,key=value…]}.
     *
     * @throws LayoutException listing what is known
     */
    static Naming parse(String text) throws LayoutException {
        String[] fields = text.split(",", -1);
        Map<String, String> settings = new LinkedHashMap<>();
        for (int i = 1; i < fields.length; i++) {
            int equals = fields[i].indexOf('=');
            String key = equals < 0 ? fields[i] : fields[i].substring(0, equals);
            if (equals < 0 || !SETTINGS.contains(key) || settings.containsKey(key)) {
                throw new LayoutException(
                        "names '" + text + "': expected heads=N, kv=N or vocab=N once each, found '" + fields[i] + "'");
            }
            settings.put(key, fields[i].substring(equals + 1));
        }
        int colon = fields[0].indexOf(':');
        Known from = colon < 0 ? null : known(fields[0].substring(0, colon), text);
        Known to = known(fields[0].substring(colon + 1), text);
        if (from != null && from.family() != to.family()) {
            throw new LayoutException("names '" + text + "': the two are not names of the same architecture");
        }
        return new Naming(to.family(), from == null ? null : from.scheme(), to.scheme(), settings);
    }

    private static Known known(String word, String text) throws LayoutException {
        Map<String, Known> all = all();
        Known known = all.get(word.startsWith("hf-") ? word.substring(3) : word);
        if (known == null) {
            throw new LayoutException("names '" + text + "': '" + word + "' is no naming that is known; these are: "
                    + String.join(", ", all.keySet()));
        }
        return known;
    }

    private static Map<String, Known> all() {
        Map<String, Known> all = new LinkedHashMap<>();
        for (Family family : Family.values()) {
            for (Family.Scheme scheme : Family.Scheme.values()) {
                all.put(scheme.prefix + family.word(), new Known(family, scheme));
            }
        }
        return all;
    }

    /**
     * The steps from the names that there are to this naming.
     *
     * @param names of every state
     */
    List<NameRule> rules(Collection<String> names, Catalog catalog) throws LayoutException {
        Heads heads = Heads.of(catalog, settings, family == Family.LLAMA);
        Map<Family.Scheme, PipelineNames> pipelines = new TreeMap<>();
        Family.Scheme source = recognise(names, heads, pipelines);
        PipelineNames pipeline = pipelines.get(source);
        List<Tie> ties = family.ties(source, heads);
        List<Tie> wanted = family.ties(to, heads);
        Long declared = Heads.number(settings, "vocab");
        Long vocabulary = declared == null && source != Family.Scheme.HUGGING_FACE ? heads.findVocabulary() : declared;
        List<NameRule> rules = new ArrayList<>();
        if (pipeline != null) {
            rules.add(pipeline::apply);
        }
        if (source != Family.Scheme.HUGGING_FACE) {
            List<Stacked> stacks = Family.stacks();
            rules.add(tensors -> stacks.get(0).unstack(tensors, 1));
            rules.add(tensors -> stacks.get(1).unstack(tensors, 2));
            rules.add(tensors -> stacks.get(2).unstack(tensors, 3));
        }
        boolean alike = (source == Family.Scheme.HUGGING_FACE) == (to == Family.Scheme.HUGGING_FACE);
        boolean spelled = alike && names.stream().noneMatch(Family::isOtherForm);
        if (spelled && pipeline == null && vocabulary == null) {
            wanted.forEach(tie -> rules.add(tie::spell));
            return rules;
        }
        ties.forEach(tie -> rules.add(tie::split));
        if (vocabulary != null) {
            rules.add(tensors -> cutVocabulary(tensors, vocabulary));
        }
        wanted.forEach(tie -> rules.add(tie::join));
        rules.add(this::checkNamed);
        return rules;
    }

    /** The scheme of the names, each of which may stand in a pipeline. */
    private Family.Scheme recognise(Collection<String> names, Heads heads, Map<Family.Scheme, PipelineNames> pipelines)
            throws LayoutException {
        List<Family.Scheme> found = new ArrayList<>();
        for (Family.Scheme scheme : List.of(Family.Scheme.HUGGING_FACE, Family.Scheme.MEGATRON)) {
            Tie attention = Family.attention(family.ties(scheme, heads));
            boolean isGpt2 = family == Family.GPT2 && scheme == Family.Scheme.HUGGING_FACE;
            PipelineNames pipeline = PipelineNames.find(names, attention, isGpt2 ? "h." : "layers.");
            boolean whole = names.stream().anyMatch(attention::isWhole)
                    || scheme == Family.Scheme.MEGATRON && names.stream().anyMatch(Family::isStackedAttention);
            if (pipeline != null) {
                pipelines.put(scheme, pipeline);
            }
            if (whole && pipeline != null) {
                throw new LayoutException("names: some tensors are named as " + scheme.prefix + family.word()
                        + ", some as modules of a pipeline");
            }
            if (whole || pipeline != null) {
                found.add(scheme);
            }
        }
        if (from != null) {
            boolean isMegatron = from != Family.Scheme.HUGGING_FACE;
            return checkFound(isMegatron ? Family.Scheme.MEGATRON : from, found);
        }
        if (found.size() == 1) {
            return found.getFirst();
        }
        throw new LayoutException(
                found.isEmpty()
                        ? "names: no tensor is named as in any " + family.word() + " that is known (" + examples()
                                + "); --rename brings other names there"
                        : "names: there are tensors of several namings of " + family.word() + ", say which to read:"
                                + " --names hf-" + family.word() + ":… or --names megatron-" + family.word() + ":…");
    }

    private Family.Scheme checkFound(Family.Scheme said, List<Family.Scheme> found) throws LayoutException {
        if (!found.contains(said)) {
            throw new LayoutException("names: no tensor is named as in " + said.prefix + family.word());
        }
        return said;
    }

    private String examples() {
        return family == Family.LLAMA
                ? "model.layers.0.self_attn.q_proj.weight, decoder.layers.0.self_attention.linear_qkv.weight,"
                        + " 3.self_attention.query_key_value.weight …"
                : "transformer.h.0.attn.c_attn.weight, decoder.layers.0.self_attention.linear_qkv.weight,"
                        + " 3.self_attention.query_key_value.weight …";
    }

    /** Rows of padding become a margin: beyond the shape, and kept. */
    private static boolean cutVocabulary(ViewSet tensors, long rows) throws LayoutException {
        boolean changed = false;
        for (String name : Family.vocabularies()) {
            View view = tensors.find(name);
            if (view == null || view.shape()[0] == rows) {
                continue;
            }
            long[] shape = view.shape().clone();
            if (shape[0] < rows) {
                throw new LayoutException("names: vocab=" + rows + ", but " + ViewSet.sources(view) + " is of shape "
                        + Shapes.print(shape));
            }
            long[] beyond = new long[shape.length];
            beyond[0] = rows;
            long[] rest = shape.clone();
            rest[0] = shape[0] - rows;
            shape[0] = rows;
            List<BoxMap> maps =
                    Arrays.asList(BoxMap.identity(shape), BoxMap.moved(new Box(beyond, rest), new Box(beyond, rest)));
            tensors.take(name);
            tensors.put(new View(name, shape, ViewSet.through(view, maps)), "vocab");
            changed = true;
        }
        return changed;
    }

    /** Everything that was understood has a name in the naming that was asked for. */
    private boolean checkNamed(ViewSet tensors) throws LayoutException {
        List<View> nameless = tensors.views().stream()
                .filter(view -> Family.isHidden(view.name()))
                .toList();
        if (!nameless.isEmpty()) {
            throw new LayoutException("names: " + to.prefix + family.word() + " has no name for "
                    + nameless.stream().map(ViewSet::sources).collect(Collectors.joining(", ")));
        }
        return false;
    }
}
