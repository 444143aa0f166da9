package org.trencadis.layout;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Regular expressions over parameter names as DeepSpeed uses them: Python's {@code re.match}, anchored at the start only,
 * first match wins.
 *
 * <p>Expressions that are one escaped name between {@code ^} and {@code $}, of which there may be one for each parameter,
 * are looked up, not tried.
 */
public final class NamePatterns {
    /** Characters that a match may look at; far beyond what real patterns need, far below what hangs. */
    private static final int MAX_STEPS = 10_000_000;

    private record Entry(int position, String text, Pattern pattern) {}

    private final Map<String, Entry> exact = new HashMap<>();
    private final List<Entry> others = new ArrayList<>();

    /**
     * Compiles {@code patterns}.
     *
     * @param where names the list in messages
     */
    public NamePatterns(List<String> patterns, String where) throws LayoutException {
        for (int i = 0; i < patterns.size(); i++) {
            String text = patterns.get(i);
            String literal = literal(text);
            if (literal != null) {
                exact.putIfAbsent(literal, new Entry(i, text, null));
            } else {
                others.add(new Entry(i, text, compile(text, where)));
            }
        }
    }

    private static Pattern compile(String text, String where) throws LayoutException {
        try {
            return Pattern.compile(
                    text.replace("(?P<", "(?<").replace("(?P=", "\\k<").replace("\\Z", "\\z"));
        } catch (PatternSyntaxException e) {
            throw new LayoutException(where + " holds a pattern that is no regular expression: " + text, e);
        }
    }

    /** The name that {@code ^name$} matches where the expression is nothing else, or null. */
    private static String literal(String pattern) {
        if (!pattern.startsWith("^") || !pattern.endsWith("$") || pattern.endsWith("\\$")) {
            return null;
        }
        StringBuilder name = new StringBuilder();
        for (int i = 1; i < pattern.length() - 1; i++) {
            char c = pattern.charAt(i);
            if (c == '\\') {
                c = pattern.charAt(++i);
                if (Character.isLetterOrDigit(c) || i == pattern.length() - 1) {
                    return null;
                }
            } else if ("[](){}.*+?^$|".indexOf(c) >= 0) {
                return null;
            }
            name.append(c);
        }
        return name.toString();
    }

    /** The first pattern that matches from the start of {@code name}, or null. */
    public String find(String name) throws LayoutException {
        Entry best = exact.get(name);
        for (Entry entry : others) {
            if (best != null && best.position() < entry.position()) {
                break;
            }
            if (matches(entry, name)) {
                best = entry;
                break;
            }
        }
        return best == null ? null : best.text();
    }

    private static boolean matches(Entry entry, String name) throws LayoutException {
        try {
            return entry.pattern()
                    .matcher(new Counted(name, 0, name.length(), new int[1]))
                    .lookingAt();
        } catch (TooManySteps | StackOverflowError e) {
            throw new LayoutException("pattern " + entry.text() + " takes too long on name " + name, e);
        }
    }

    private static final class TooManySteps extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** A text that stops a matcher that looks at it too often. */
    private record Counted(String text, int from, int end, int[] steps) implements CharSequence {
        @Override
        public int length() {
            return end - from;
        }

        @Override
        public char charAt(int index) {
            if (++steps[0] > MAX_STEPS) {
                throw new TooManySteps();
            }
            return text.charAt(from + index);
        }

        @Override
        public CharSequence subSequence(int start, int stop) {
            return new Counted(text, from + start, from + stop, steps);
        }

        @Override
        public String toString() {
            return text.substring(from, end);
        }
    }
}
