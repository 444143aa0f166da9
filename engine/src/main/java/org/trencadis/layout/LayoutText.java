package org.trencadis.layout;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The short form of a layout on a command line: {@code key=value} pairs between commas. */
final class LayoutText {
    private static final Pattern PAIR = Pattern.compile("\\s*([a-z_]+)\\s*=\\s*(\\S+)\\s*");

    private LayoutText() {}

    /**
     * The settings in their order, at least one.
     *
     * @throws LayoutException where a pair is malformed or a key stands twice
     */
    static Map<String, String> parse(String text) throws LayoutException {
        Map<String, String> settings = new LinkedHashMap<>();
        for (String part : text.split(",", -1)) {
            Matcher pair = PAIR.matcher(part);
            if (!pair.matches()) {
                throw new LayoutException(
                        "layout '" + text + "': expected key=value, as in zero=1, found '" + part + "'");
            }
            if (settings.put(pair.group(1), pair.group(2)) != null) {
                throw new LayoutException("layout '" + text + "': '" + pair.group(1) + "' stands twice");
            }
        }
        return settings;
    }
}
