package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.layout.LayoutException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/** A document of rules as mappings, lists, text and whole numbers. */
final class RuleDocument {
    private final String file;

    private RuleDocument(String file) {
        this.file = file;
    }

    static Object parse(String text, String file) throws LayoutException {
        JsonFactory factory = JsonFactory.builder()
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .build();
        try (JsonParser json = factory.createParser(ObjectReadContext.empty(), text)) {
            Object document = new RuleDocument(file).value(json, json.nextToken());
            if (json.nextToken() != null) {
                throw new LayoutException(file + ": something follows the document");
            }
            return document;
        } catch (JacksonException e) {
            throw new LayoutException(
                    file + ": line " + e.getLocation().getLineNr() + ", column "
                            + e.getLocation().getColumnNr() + ": " + e.getOriginalMessage(),
                    e);
        }
    }

    private Object value(JsonParser json, JsonToken token) throws LayoutException {
        return switch (token) {
            case START_OBJECT -> {
                Map<String, Object> mapping = new LinkedHashMap<>();
                while (json.nextToken() != JsonToken.END_OBJECT) {
                    String key = json.currentName();
                    mapping.put(key, value(json, json.nextToken()));
                }
                yield mapping;
            }
            case START_ARRAY -> {
                List<Object> list = new ArrayList<>();
                for (JsonToken next = json.nextToken(); next != JsonToken.END_ARRAY; next = json.nextToken()) {
                    list.add(value(json, next));
                }
                yield list;
            }
            case VALUE_STRING -> json.getString();
            case VALUE_NUMBER_INT -> json.getLongValue();
            default ->
                throw new LayoutException(
                        file + ": line " + json.currentLocation().getLineNr()
                                + ": expected a mapping, a list, text or a whole number, found " + token);
        };
    }
}
