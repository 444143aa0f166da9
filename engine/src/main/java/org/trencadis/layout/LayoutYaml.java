package org.trencadis.layout;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * Reads one YAML document as values with their places. Only what a layout needs: no anchors, aliases or tags, so that a
 * document cannot be larger than its text.
 */
final class LayoutYaml {
    /** Characters of a document. */
    static final int MAX_CHARACTERS = 1 << 20;

    /** Values of a document. */
    static final int MAX_VALUES = 1 << 18;

    /** Values inside each other. */
    static final int MAX_DEPTH = 24;

    private final String origin;
    private final Iterator<Event> events;
    private int values;

    private LayoutYaml(String origin, Iterator<Event> events) {
        this.origin = origin;
        this.events = events;
    }

    /**
     * The document in {@code text}.
     *
     * @param origin file or preset, for messages
     */
    static LayoutNode read(String text, String origin) throws LayoutException {
        if (text.length() > MAX_CHARACTERS) {
            throw new LayoutException(
                    origin + " has " + text.length() + " characters; a layout has at most " + MAX_CHARACTERS);
        }
        LoadSettings settings = LoadSettings.builder().setLabel(origin).build();
        try {
            return new LayoutYaml(origin, new ParserImpl(settings, new StreamReader(settings, text))).document();
        } catch (MarkedYamlEngineException e) {
            throw new LayoutException(
                    place(origin, e.getProblemMark().orElse(null)) + ": not YAML: " + e.getProblem(), e);
        } catch (YamlEngineException | StackOverflowError e) {
            throw new LayoutException(origin + ": not YAML: " + e.getMessage(), e);
        }
    }

    private static String place(String origin, Mark mark) {
        return mark == null ? origin : origin + ':' + (mark.getLine() + 1) + ':' + (mark.getColumn() + 1);
    }

    private LayoutNode document() throws LayoutException {
        Event event = events.next();
        while (event.getEventId() == Event.ID.StreamStart || event.getEventId() == Event.ID.DocumentStart) {
            event = events.next();
        }
        if (event.getEventId() == Event.ID.StreamEnd) {
            throw new LayoutException(origin + " is empty; a layout begins with 'trencadis: 1'");
        }
        LayoutNode root = value(event, 0);
        while (events.hasNext()) {
            Event after = events.next();
            if (after.getEventId() == Event.ID.DocumentStart) {
                throw new LayoutException(place(after) + ": a layout is one document; a second begins");
            }
        }
        return root;
    }

    private String place(Event event) {
        return place(origin, event.getStartMark().orElse(null));
    }

    private LayoutNode value(Event event, int depth) throws LayoutException {
        if (++values > MAX_VALUES || depth > MAX_DEPTH) {
            throw new LayoutException(place(event) + ": too large: at most " + MAX_VALUES + " values, " + MAX_DEPTH
                    + " inside each other");
        }
        checkPlain(event);
        return switch (event.getEventId()) {
            case Scalar ->
                LayoutNode.text(place(event), ((ScalarEvent) event).getValue(), !((ScalarEvent) event).isPlain());
            case SequenceStart -> list(event, depth);
            case MappingStart -> mapping(event, depth);
            default -> throw new LayoutException(place(event) + ": a value is expected");
        };
    }

    private void checkPlain(Event event) throws LayoutException {
        if (event.getEventId() == Event.ID.Alias
                || ((NodeEvent) event).getAnchor().isPresent()) {
            throw new LayoutException(place(event) + ": anchors and aliases are not part of the language");
        }
        boolean tagged = switch (event) {
            case ScalarEvent scalar -> scalar.getTag().isPresent();
            case CollectionStartEvent start -> start.getTag().isPresent();
            default -> false;
        };
        if (tagged) {
            throw new LayoutException(place(event) + ": tags are not part of the language");
        }
    }

    private LayoutNode list(Event start, int depth) throws LayoutException {
        List<LayoutNode> items = new ArrayList<>();
        for (Event event = events.next(); event.getEventId() != Event.ID.SequenceEnd; event = events.next()) {
            items.add(value(event, depth + 1));
        }
        return LayoutNode.list(place(start), items);
    }

    private LayoutNode mapping(Event start, int depth) throws LayoutException {
        Map<String, LayoutNode> entries = new LinkedHashMap<>();
        for (Event event = events.next(); event.getEventId() != Event.ID.MappingEnd; event = events.next()) {
            String key = value(event, depth + 1).text("a key");
            if (entries.put(key, value(events.next(), depth + 1)) != null) {
                throw new LayoutException(place(event) + ": key '" + key + "' stands twice");
            }
        }
        return LayoutNode.mapping(place(start), entries);
    }
}
