package org.trencadis.source.megatron;

import java.util.Collection;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.trencadis.layout.Layout.PipelineRule;
import org.trencadis.layout.Pipeline;
import org.trencadis.source.SourceException;

/** Layer numbers: in the files they count from the first layer of a stage's piece, in the catalog from the model's first. */
final class StageLayers {
    private static final String NUMBER = "(?:(?:encoder|decoder)\\.)?layers\\.(\\d{1,7})\\.";
    private static final int MAX_DIGITS = 7;

    private final Pipeline pipeline;
    private final Pattern number;
    private final String source;

    private StageLayers(Pipeline pipeline, Pattern number, String source) {
        this.pipeline = pipeline;
        this.number = number;
        this.source = source;
    }

    /**
     * Layers as {@code pipeline} shares them.
     *
     * @param rule that may say how names hold numbers, or null
     * @param source what says it, for messages
     */
    static StageLayers of(Pipeline pipeline, PipelineRule rule, String source) throws SourceException {
        return new StageLayers(pipeline, pattern(rule), source);
    }

    private static Pattern pattern(PipelineRule rule) throws SourceException {
        String text = rule == null || rule.number() == null ? NUMBER : rule.number();
        try {
            return Pattern.compile(text);
        } catch (PatternSyntaxException e) {
            throw new SourceException(rule.place() + ": '" + text + "' is no regular expression", e);
        }
    }

    /** Layers that the tensors of one piece are of: one more than their greatest number. */
    static long count(Collection<String> names, PipelineRule rule) throws SourceException {
        Pattern number = pattern(rule);
        long count = 0;
        for (String name : names) {
            Matcher matcher = number.matcher(name);
            if (matcher.lookingAt()) {
                count = Math.max(count, local(matcher, name) + 1);
            }
        }
        return count;
    }

    private static long local(Matcher matcher, String name) throws SourceException {
        String digits = matcher.group(1);
        if (digits == null || digits.length() > MAX_DIGITS || !digits.chars().allMatch(Character::isDigit)) {
            throw new SourceException("the layer's number in " + name + " is no number: " + digits);
        }
        return Long.parseLong(digits);
    }

    /** The name with the layer's number in the whole model. */
    String global(String name, int stage, int piece) throws SourceException {
        Matcher matcher = number.matcher(name);
        if (!matcher.lookingAt()) {
            return name;
        }
        return name.substring(0, matcher.start(1))
                + (pipeline.first(stage, piece) + local(matcher, name))
                + name.substring(matcher.end(1));
    }

    /** Checks that a piece has as many layers as are expected of it. */
    void check(Collection<String> names, PipelineRule rule, int stage, int piece, Object file) throws SourceException {
        long found = count(names, rule);
        if (found != pipeline.count(stage, piece)) {
            throw new SourceException(file + ": " + source + " give stage " + stage
                    + (pipeline.pieces() > 1 ? ", piece " + piece + "," : "") + " " + pipeline.count(stage, piece)
                    + " layers, the file holds " + found
                    + "; a 'pipeline' in --source-layout says how they are shared");
        }
    }
}
