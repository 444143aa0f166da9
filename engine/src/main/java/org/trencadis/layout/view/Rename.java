package org.trencadis.layout.view;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.trencadis.layout.LayoutException;

/**
 * A regular expression that matches from the start of a name, and what stands there instead; the rest of the name stays.
 *
 * @param replacement with {@code $1} or {@code \1} for groups
 */
record Rename(String text, Pattern pattern, String replacement) {
    /**
     * A rename as a command line writes it: {@code REGEX=REPLACEMENT}, cut at the last {@code =}.
     *
     * @throws LayoutException where it is none
     */
    static Rename parse(String text) throws LayoutException {
        int cut = text.lastIndexOf('=');
        if (cut < 0) {
            throw new LayoutException("--rename '" + text + "': expected REGEX=REPLACEMENT, as in 'module\\.='");
        }
        return of(text.substring(0, cut), text.substring(cut + 1));
    }

    static Rename of(String regex, String replacement) throws LayoutException {
        String text = regex + "=" + replacement;
        try {
            Pattern pattern = Pattern.compile(regex.replace("(?P<", "(?<"));
            String dollars = replacement.replaceAll("\\\\([0-9])", "\\$$1");
            Rename rename = new Rename(text, pattern, dollars);
            checkReplacement(rename);
            return rename;
        } catch (PatternSyntaxException e) {
            throw new LayoutException("rename '" + text + "': no regular expression: " + e.getDescription(), e);
        }
    }

    /** A replacement must name groups that the expression has. */
    private static void checkReplacement(Rename rename) throws LayoutException {
        Matcher anything = Pattern.compile("(?:" + rename.pattern() + ")|").matcher("");
        try {
            if (anything.find()) {
                anything.appendReplacement(new StringBuilder(), rename.replacement());
            }
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new LayoutException(
                    "rename '" + rename.text() + "': the replacement is not understood: " + e.getMessage(), e);
        }
    }

    /** The new name, or null where the expression does not match. */
    String find(String name) {
        Matcher matcher = pattern.matcher(name);
        if (!matcher.lookingAt()) {
            return null;
        }
        StringBuilder renamed = new StringBuilder();
        matcher.appendReplacement(renamed, replacement);
        return matcher.appendTail(renamed).toString();
    }

    /** The first of {@code rules} that matches, or null. */
    static Rename findFirst(List<Rename> rules, String name) {
        for (Rename rule : rules) {
            if (rule.pattern().matcher(name).lookingAt()) {
                return rule;
            }
        }
        return null;
    }

    /**
     * Renames by the first of {@code rules} that matches each name. All names change at once, so that rules may swap them.
     *
     * @param used gets the rules that matched
     */
    static boolean apply(List<Rename> rules, ViewSet tensors, Set<Rename> used) throws LayoutException {
        Map<String, String> renames = new LinkedHashMap<>();
        for (String name : tensors.names()) {
            Rename rule = findFirst(rules, name);
            if (rule != null) {
                used.add(rule);
                renames.put(name, rule.find(name));
            }
        }
        for (Map.Entry<String, String> entry : renames.entrySet()) {
            if (entry.getValue().isEmpty()) {
                throw new LayoutException("rename: " + entry.getKey() + " would have no name left");
            }
        }
        tensors.rename(renames, "rename");
        return !renames.isEmpty();
    }
}
