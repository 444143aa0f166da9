package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.layout.LayoutException;

/**
 * A name with places that differ from tensor to tensor: {@code decoder.layers.{n}.mlp.linear_fc1.{w}}.
 *
 * <p>{@code {w}} stands for {@code weight} or {@code bias}, {@code {x}} of any other word for a number, {@code {x*}} for
 * what stands between two dots, {@code {x**}} for one or more of these, the first of which is no number.
 */
final class NameTemplate {
    private static final Pattern PLACE = Pattern.compile("\\{([A-Za-z][A-Za-z0-9]*)(\\*{0,2})}");

    private final String text;
    private final Pattern pattern;
    private final List<String> places = new ArrayList<>();

    private NameTemplate(String text, String prefix) throws LayoutException {
        this.text = text;
        StringBuilder regex = new StringBuilder(prefix);
        Matcher place = PLACE.matcher(text);
        int end = 0;
        while (place.find()) {
            regex.append(Pattern.quote(text.substring(end, place.start())));
            regex.append(places.contains(place.group(1)) ? "\\k<" + place.group(1) + ">" : group(place));
            if (!places.contains(place.group(1))) {
                places.add(place.group(1));
            }
            end = place.end();
        }
        if (text.indexOf('{', end) >= 0) {
            throw new LayoutException("names: '" + text + "' holds a place that is none of {w}, {n}, {x*} and {x**}");
        }
        regex.append(Pattern.quote(text.substring(end)));
        this.pattern = Pattern.compile(regex.toString());
    }

    private static String group(Matcher place) {
        String what = switch (place.group(2)) {
            case "*" -> "[^.]+";
            case "**" -> "(?![0-9]+(?:\\.|$)).+";
            default -> place.group(1).equals("w") ? "weight|bias" : "[0-9]{1,9}";
        };
        return "(?<" + place.group(1) + ">" + what + ")";
    }

    static NameTemplate of(String text) throws LayoutException {
        return new NameTemplate(text, "");
    }

    /** A template before which a regular expression may match, whose text is lost. */
    static NameTemplate after(String prefix, String text) throws LayoutException {
        return new NameTemplate(text, prefix);
    }

    /** What stands at each place of {@code name}, or null where the name is none of this kind. */
    Map<String, String> find(String name) {
        Matcher matcher = pattern.matcher(name);
        if (!matcher.matches()) {
            return null;
        }
        Map<String, String> found = new LinkedHashMap<>();
        places.forEach(place -> found.put(place, matcher.group(place)));
        return found;
    }

    /** Whether {@code place} is one of a number. */
    boolean hasNumber(String place) {
        return places.contains(place) && !place.equals("w") && text.contains('{' + place + '}');
    }

    /** The name with what stands at its places. */
    String fill(Map<String, String> values) throws LayoutException {
        Matcher place = PLACE.matcher(text);
        StringBuilder name = new StringBuilder();
        while (place.find()) {
            String value = values.get(place.group(1));
            if (value == null) {
                throw new LayoutException("names: nothing says what {" + place.group(1) + "} of '" + text + "' is");
            }
            place.appendReplacement(name, Matcher.quoteReplacement(value));
        }
        return place.appendTail(name).toString();
    }

    @Override
    public String toString() {
        return text;
    }
}
