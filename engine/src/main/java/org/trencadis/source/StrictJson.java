package org.trencadis.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/**
 * JSON of files that nobody checked, read as a stream: UTF-8, no duplicate keys, no unpaired surrogates, nothing behind the
 * value, bounded depth. What is wrong is a {@link FormatException.Corrupt} with its position.
 */
public final class StrictJson {
    /** Values that one value is made of at most, itself counted. */
    static final int MAX_VALUES = 1 << 18;

    private static final int CHARACTERS = 8192;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(ValueCodec.MAX_DEPTH)
                    .maxNameLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .build())
            .build();

    private StrictJson() {}

    /** What takes the tokens of one document; the parser stands before the first. */
    @FunctionalInterface
    public interface Reader<T> {
        T read(JsonParser json) throws IOException;
    }

    /** Loads the parser, which takes longer than parsing a small document: for a process that will read soon. */
    public static void prepare() {
        FACTORY.createParser(ObjectReadContext.empty(), new byte[0]).close();
    }

    /** Reads the one JSON value that {@code bytes} are. */
    public static <T> T read(byte[] bytes, Place place, Reader<T> reader) throws IOException {
        checkText(bytes, place);
        try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), bytes)) {
            T result = reader.read(json);
            if (json.nextToken() != null) {
                throw fault(json, place, "one JSON value is all there is", "the end", json.currentToken());
            }
            return result;
        } catch (JacksonException e) {
            long at = e.getLocation() == null ? 0 : Math.max(0, e.getLocation().getByteOffset());
            throw new FormatException.Corrupt(
                    "text is strict JSON", "JSON without duplicate keys", e.getOriginalMessage(), moved(place, at));
        }
    }

    /** The document as a value: objects as mappings in their order, arrays as sequences. */
    public static Value value(byte[] bytes, Place place) throws IOException {
        return read(bytes, place, json -> {
            if (json.nextToken() == null) {
                throw new FormatException.Truncated("text is strict JSON", "a value", "nothing", place);
            }
            return value(json, place);
        });
    }

    /**
     * The value that starts at the current token.
     *
     * @throws FormatException.Unsupported where it is made of more than {@link #MAX_VALUES} values
     */
    public static Value value(JsonParser json, Place place) throws IOException {
        return value(json, place, new int[] {MAX_VALUES});
    }

    private static Value value(JsonParser json, Place place, int[] left) throws IOException {
        JsonToken token = json.currentToken();
        if (left[0]-- == 0) {
            throw new FormatException.Unsupported("a JSON value is small", MAX_VALUES + " values", "more", place);
        }
        return switch (token) {
            case START_OBJECT -> mapping(json, place, left);
            case START_ARRAY -> {
                List<Value> items = new ArrayList<>();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    items.add(value(json, place, left));
                }
                yield new Value.Sequence(items);
            }
            case VALUE_STRING -> new Value.Text(text(json, json.getString(), place));
            case VALUE_NUMBER_INT -> new Value.Int(json.getBigIntegerValue());
            case VALUE_NUMBER_FLOAT -> new Value.Real(json.getDoubleValue());
            case VALUE_TRUE, VALUE_FALSE -> new Value.Bool(token == JsonToken.VALUE_TRUE);
            case VALUE_NULL -> new Value.None();
            default -> throw fault(json, place, "text is strict JSON", "a value", token);
        };
    }

    private static Value mapping(JsonParser json, Place place, int[] left) throws IOException {
        List<Value.Entry> entries = new ArrayList<>();
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            Value.Text key = new Value.Text(text(json, json.currentName(), place));
            json.nextToken();
            entries.add(new Value.Entry(key, value(json, place, left)));
        }
        return new Value.Mapping(entries);
    }

    /** {@code text} where it is Unicode: an escape may have spelled half of a surrogate pair. */
    public static String text(JsonParser json, String text, Place place) throws IOException {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (i + 1 == text.length() || !Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
                    throw fault(json, place, "text is Unicode", "paired surrogates", "an unpaired one");
                }
                i++;
            }
        }
        return text;
    }

    /** What is wrong at the current token. */
    public static FormatException.Corrupt fault(
            JsonParser json, Place place, String rule, Object expected, Object actual) {
        long at = Math.max(0, json.currentTokenLocation().getByteOffset());
        return new FormatException.Corrupt(rule, expected, actual, moved(place, at));
    }

    private static Place moved(Place place, long at) {
        return new Place(place.resource(), place.section(), place.offsetBytes() + at);
    }

    /** That bytes are UTF-8, without zero bytes: those are legal in no JSON, and how other encodings begin. */
    private static void checkText(byte[] bytes, Place place) throws IOException {
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(CHARACTERS);
        CoderResult result = CoderResult.OVERFLOW;
        while (result.isOverflow()) {
            out.clear();
            result = decoder.decode(in, out, true);
        }
        if (result.isError()) {
            throw new FormatException.Corrupt("JSON is UTF-8", "UTF-8", "other bytes", moved(place, in.position()));
        }
        for (int at = 0; at < bytes.length; at++) {
            if (bytes[at] == 0) {
                throw new FormatException.Corrupt("JSON has no zero bytes", "text", "a zero byte", moved(place, at));
            }
        }
    }
}
