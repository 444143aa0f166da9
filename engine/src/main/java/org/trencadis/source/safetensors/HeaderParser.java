package org.trencadis.source.safetensors;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;
import org.trencadis.source.StrictJson;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/** Takes a header token by token: nothing is built of a value before it is known to be one that belongs there. */
final class HeaderParser {
    private static final String METADATA = "__metadata__";
    private static final Map<String, Dtype> DTYPES = new HashMap<>();

    static {
        for (Dtype dtype : Dtype.values()) {
            if (dtype.safetensorsName() != null) {
                DTYPES.put(dtype.safetensorsName(), dtype);
            }
        }
    }

    private final Place place;
    private final List<TensorEntry> entries = new ArrayList<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    HeaderParser(Place place) {
        this.place = place;
    }

    List<TensorEntry> entries() {
        return entries;
    }

    Map<String, String> metadata() {
        return metadata;
    }

    /** Reads the object; the result is of no use. */
    Void read(JsonParser json) throws IOException {
        require(json, json.nextToken(), JsonToken.START_OBJECT, "a header is an object");
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = StrictJson.text(json, json.currentName(), place);
            if (name.equals(METADATA)) {
                readMetadata(json);
            } else {
                entries.add(entry(name, json));
            }
        }
        return null;
    }

    private void readMetadata(JsonParser json) throws IOException {
        require(json, json.nextToken(), JsonToken.START_OBJECT, METADATA + " is an object of texts");
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = StrictJson.text(json, json.currentName(), place);
            require(json, json.nextToken(), JsonToken.VALUE_STRING, METADATA + " is an object of texts");
            metadata.put(key, StrictJson.text(json, json.getString(), place));
        }
    }

    private TensorEntry entry(String name, JsonParser json) throws IOException {
        require(json, json.nextToken(), JsonToken.START_OBJECT, "the entry of a tensor is an object");
        Dtype dtype = null;
        long[] shape = null;
        long[] offsets = null;
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            switch (json.currentName()) {
                case "dtype" -> dtype = dtype(json);
                case "shape" -> shape = numbers(json, FormatLimits.MAX_ORDER, "shape");
                case "data_offsets" -> offsets = numbers(json, 2, "data_offsets");
                default ->
                    throw StrictJson.fault(
                            json,
                            place,
                            "the entry of a tensor has three fields",
                            "dtype, shape, data_offsets",
                            json.currentName());
            }
        }
        if (dtype == null || shape == null || offsets == null || offsets.length != 2) {
            throw StrictJson.fault(
                    json,
                    place,
                    "the entry of a tensor has dtype, shape and two data_offsets",
                    "all of them",
                    name + " has not");
        }
        checkSize(name, dtype, shape, offsets, json);
        return new TensorEntry(name, dtype, shape, offsets[0], offsets[1]);
    }

    private Dtype dtype(JsonParser json) throws IOException {
        require(json, json.nextToken(), JsonToken.VALUE_STRING, "dtype is a text");
        Dtype dtype = DTYPES.get(json.getString());
        if (dtype == null) {
            throw new FormatException.Unsupported(
                    "dtype is one of safetensors 0.8.0", "F32, BF16 and the like", json.getString(), place);
        }
        return dtype;
    }

    /** An array of at most {@code most} whole numbers that fit 63 bits. */
    private long[] numbers(JsonParser json, int most, String field) throws IOException {
        require(json, json.nextToken(), JsonToken.START_ARRAY, field + " is an array");
        long[] numbers = new long[4];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            require(json, json.currentToken(), JsonToken.VALUE_NUMBER_INT, field + " holds whole numbers");
            if (count == most) {
                throw new FormatException.Unsupported(
                        field + " is short", "at most " + most + " numbers", "more", place);
            }
            numbers = count == numbers.length ? Arrays.copyOf(numbers, 2 * count) : numbers;
            long number = json.getLongValue();
            if (number < 0) {
                throw StrictJson.fault(json, place, field + " holds no negative number", "0 or more", number);
            }
            numbers[count++] = number;
        }
        return Arrays.copyOf(numbers, count);
    }

    /** That the offsets hold what the shape needs. All axes are multiplied, though one without extent comes later. */
    private void checkSize(String name, Dtype dtype, long[] shape, long[] offsets, JsonParser json)
            throws FormatException {
        long bits = dtype.bits();
        try {
            for (long extent : shape) {
                bits = Math.multiplyExact(bits, extent);
            }
        } catch (ArithmeticException e) {
            throw StrictJson.fault(
                    json, place, "the bits of a tensor can be counted", "less than 2^63", Shapes.print(shape));
        }
        if (bits % 8 != 0) {
            throw StrictJson.fault(json, place, "a tensor has whole bytes", "a multiple of 8 bits", name + ": " + bits);
        }
        if (offsets[0] > offsets[1] || offsets[1] - offsets[0] != bits / 8) {
            throw StrictJson.fault(
                    json,
                    place,
                    "the data_offsets of a tensor hold its elements",
                    bits / 8 + " bytes",
                    name + ": " + offsets[0] + " to " + offsets[1]);
        }
    }

    private void require(JsonParser json, JsonToken token, JsonToken expected, String rule) throws FormatException {
        if (token != expected) {
            throw StrictJson.fault(json, place, rule, expected, token == null ? "the end" : token);
        }
    }
}
