package org.trencadis.source.safetensors;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;
import org.trencadis.source.StrictJson;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * What the Hugging Face writer of PyTorch's distributed checkpoint says in a header: where in its whole tensor each shard
 * lies. The shape of the whole is nowhere; it is as large as the shards of all files reach.
 */
final class ShardingInfo {
    /** The key of {@code __metadata__} whose value is the geometry, as JSON. */
    static final String KEY = "DCP_SHARDING_INFO";

    /** The key of the writer's version. */
    static final String VERSION = "DCP_VERSION";

    private final Map<String, long[]> offsets;
    private final Place place;

    private ShardingInfo(Map<String, long[]> offsets, Place place) {
        this.offsets = offsets;
        this.place = place;
    }

    /** The geometry of a file's tensors, or null where its header has none: then they are whole. */
    static ShardingInfo find(FileHeader header, String resource) throws IOException {
        String text = header.metadata().get(KEY);
        if (text == null) {
            return null;
        }
        Place place = new Place(resource, KEY, 0);
        Map<String, long[]> offsets =
                StrictJson.read(text.getBytes(StandardCharsets.UTF_8), place, json -> read(json, place));
        for (TensorEntry entry : header.entries()) {
            long[] offset = offsets.get(entry.name());
            if (offset == null || offset.length != entry.shape().length) {
                throw new FormatException.Corrupt(
                        KEY + " has an offset for each axis of each tensor",
                        entry.shape().length + " for " + entry.name(),
                        offset == null ? "none" : offset.length,
                        place);
            }
        }
        if (offsets.size() != header.entries().size()) {
            throw new FormatException.Corrupt(
                    KEY + " names the tensors of its file", header.entries().size(), offsets.size(), place);
        }
        return new ShardingInfo(offsets, place);
    }

    private static Map<String, long[]> read(JsonParser json, Place place) throws IOException {
        Map<String, long[]> offsets = new HashMap<>();
        require(json, json.nextToken(), JsonToken.START_OBJECT, place);
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = json.currentName();
            require(json, json.nextToken(), JsonToken.START_OBJECT, place);
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                boolean isOffset = json.currentName().equals("saved_offsets");
                json.nextToken();
                if (isOffset) {
                    offsets.put(name, numbers(json, place));
                } else {
                    json.skipChildren();
                }
            }
        }
        return offsets;
    }

    private static long[] numbers(JsonParser json, Place place) throws IOException {
        require(json, json.currentToken(), JsonToken.START_ARRAY, place);
        long[] numbers = new long[FormatLimits.MAX_ORDER];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            require(json, json.currentToken(), JsonToken.VALUE_NUMBER_INT, place);
            long number = json.getLongValue();
            if (number < 0 || count == numbers.length) {
                throw StrictJson.fault(json, place, "saved_offsets are a few numbers from 0", "0 or more", number);
            }
            numbers[count++] = number;
        }
        return Arrays.copyOf(numbers, count);
    }

    private static void require(JsonParser json, JsonToken token, JsonToken expected, Place place)
            throws FormatException {
        if (token != expected) {
            throw StrictJson.fault(
                    json, place, KEY + " is an object of saved_offsets", expected, token == null ? "the end" : token);
        }
    }

    /**
     * Where the shard of {@code entry} lies.
     *
     * @throws FormatException.Corrupt where it ends beyond 2^63
     */
    long[] offsets(TensorEntry entry) throws FormatException {
        long[] offset = offsets.get(entry.name());
        for (int axis = 0; axis < offset.length; axis++) {
            if (offset[axis] > Long.MAX_VALUE - entry.shape()[axis]) {
                throw new FormatException.Corrupt(
                        "a shard ends before 2^63", "less", offset[axis] + " + " + entry.shape()[axis], place);
            }
        }
        return offset;
    }
}
