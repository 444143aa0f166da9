package org.trencadis;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.trencadis.index.Tensor;

/**
 * Which tensors of a checkpoint a command is about: by name pattern and by state.
 *
 * <p>A pattern is a whole name in which {@code *} stands for any characters, dots too, and {@code ?} for one.
 */
public final class TensorFilter {
    /** Every tensor. */
    public static final TensorFilter ALL = of(List.of(), List.of(), List.of());

    private final List<Pattern> include;
    private final List<Pattern> exclude;
    private final Set<String> states;

    private TensorFilter(List<Pattern> include, List<Pattern> exclude, Set<String> states) {
        this.include = include;
        this.exclude = exclude;
        this.states = states;
    }

    /**
     * The tensors that match any of {@code include} and none of {@code exclude}, in any of {@code states}. An empty list
     * of {@code include} or {@code states} stands for all.
     */
    public static TensorFilter of(List<String> include, List<String> exclude, List<String> states) {
        return new TensorFilter(
                include.stream().map(TensorFilter::compile).toList(),
                exclude.stream().map(TensorFilter::compile).toList(),
                Set.copyOf(states));
    }

    private static Pattern compile(String glob) {
        StringBuilder regex = new StringBuilder();
        glob.codePoints().forEach(point -> {
            switch (point) {
                case '*' -> regex.append(".*");
                case '?' -> regex.append('.');
                default -> regex.append(Pattern.quote(Character.toString(point)));
            }
        });
        return Pattern.compile(regex.toString(), Pattern.DOTALL);
    }

    /** Whether the filter takes part of the names only. */
    public boolean limitsNames() {
        return !include.isEmpty() || !exclude.isEmpty();
    }

    /** Whether the filter takes some states only. */
    public boolean limitsStates() {
        return !states.isEmpty();
    }

    /** Whether the filter takes part of the tensors only. */
    boolean limits() {
        return limitsNames() || limitsStates();
    }

    /** The states that are asked for; empty for all. */
    public Set<String> states() {
        return states;
    }

    public boolean accepts(Tensor tensor) {
        return acceptsState(tensor.state()) && acceptsName(tensor.name());
    }

    public boolean acceptsState(String state) {
        return states.isEmpty() || states.contains(state);
    }

    public boolean acceptsName(String name) {
        return (include.isEmpty() || matchesAny(include, name)) && !matchesAny(exclude, name);
    }

    private static boolean matchesAny(List<Pattern> patterns, String name) {
        for (Pattern pattern : patterns) {
            if (pattern.matcher(name).matches()) {
                return true;
            }
        }
        return false;
    }
}
