package org.trencadis.source;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Hugging Face's {@code *.index.json}: which file of the same directory holds each tensor.
 *
 * @param files file by tensor
 * @param metadata what stands beside the map, {@code total_size} for one; empty where nothing does
 */
public record WeightIndex(Path file, Map<String, String> files, Value.Mapping metadata) {
    /** The longest index that is read, in bytes; that of a model of 100,000 tensors has 9 million. */
    private static final long MAX_BYTES = 32 << 20;

    /** Reads the index {@code name} of the directory {@code base}; null where there is no such name. */
    public static WeightIndex readIn(Path base, String name, FileCache cache) throws IOException {
        return name == null ? null : read(base.resolve(name), cache);
    }

    /** Reads an index. */
    public static WeightIndex read(Path file, FileCache cache) throws IOException {
        Place place = new Place(file.toString(), "index", 0);
        return StrictJson.read(readWhole(file, MAX_BYTES, cache), place, json -> read(file, json, place));
    }

    private static WeightIndex read(Path file, JsonParser json, Place place) throws IOException {
        Map<String, String> files = null;
        Value metadata = null;
        require(json, json.nextToken(), JsonToken.START_OBJECT, "an index is an object", place);
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "weight_map" -> files = files(json, place);
                case "metadata" -> metadata = StrictJson.value(json, place);
                default -> json.skipChildren();
            }
        }
        if (files == null) {
            throw new FormatException.Corrupt("an index has an object weight_map", "weight_map", "none", place);
        }
        return new WeightIndex(
                file, files, metadata instanceof Value.Mapping facts ? facts : new Value.Mapping(List.of()));
    }

    private static Map<String, String> files(JsonParser json, Place place) throws IOException {
        Map<String, String> files = new LinkedHashMap<>();
        Map<String, String> names = new HashMap<>();
        require(json, json.currentToken(), JsonToken.START_OBJECT, "a weight_map is an object of texts", place);
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String tensor = StrictJson.text(json, json.currentName(), place);
            require(json, json.nextToken(), JsonToken.VALUE_STRING, "a weight_map is an object of texts", place);
            String name = StrictJson.text(json, json.getString(), place);
            boolean isPlain = !name.isEmpty()
                    && !name.equals(".")
                    && !name.equals("..")
                    && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == 0);
            if (!isPlain) {
                throw StrictJson.fault(
                        json, place, "a weight_map leads to files of the same directory", "the name of a file", name);
            }
            files.put(tensor, names.computeIfAbsent(name, same -> same));
        }
        return files;
    }

    private static void require(JsonParser json, JsonToken token, JsonToken expected, String rule, Place place)
            throws FormatException {
        if (token != expected) {
            throw StrictJson.fault(json, place, rule, expected, token == null ? "the end" : token);
        }
    }

    /**
     * The bytes of a small file.
     *
     * @throws FormatException.Unsupported where it has more than {@code maxBytes}
     */
    public static byte[] readWhole(Path file, long maxBytes, FileCache cache) throws IOException {
        try (FileLease lease = cache.lease(file)) {
            if (lease.sizeBytes() > maxBytes) {
                throw new FormatException.Unsupported(
                        "a file of JSON is small", maxBytes, lease.sizeBytes(), new Place(file.toString(), "size", 0));
            }
            byte[] bytes = new byte[(int) lease.sizeBytes()];
            lease.read(0, MemorySegment.ofArray(bytes), 0, bytes.length);
            return bytes;
        }
    }

    /** The names of all files, sorted. */
    public List<String> fileNames() {
        return List.copyOf(new TreeSet<>(files.values()));
    }

    /**
     * Checks the map against what the files hold; a tensor that no map names is a finding. What stands beside the map
     * becomes an attachment.
     *
     * @param held file by tensor
     * @param bytes of all tensors
     * @throws SourceException when a tensor is missing from the file that the index names, or in another
     */
    public void addTo(CatalogBuilder builder, Map<String, String> held, long bytes) throws SourceException {
        for (Map.Entry<String, String> entry : files.entrySet()) {
            String where = held.get(entry.getKey());
            if (!entry.getValue().equals(where)) {
                throw new SourceException(file + " says that tensor " + entry.getKey() + " is in " + entry.getValue()
                        + ", but it is in " + (where == null ? "none of its files" : where));
            }
        }
        List<String> unnamed = new ArrayList<>(held.keySet());
        unnamed.removeIf(files::containsKey);
        if (!unnamed.isEmpty()) {
            builder.addFinding(
                    "source.not-in-index",
                    file.getFileName() + " does not name these tensors of its files: " + Nodes.firstOf(unnamed));
        }
        if (metadata.find("total_size") instanceof Value.Int total && !total.equals(new Value.Int(bytes))) {
            builder.addFinding(
                    "source.total-size",
                    file.getFileName() + " says that the tensors have " + total.value() + " bytes, they have " + bytes);
        }
        if (!metadata.entries().isEmpty()) {
            builder.addAttachment(new Attachment("metadata", file.getFileName().toString(), metadata));
        }
    }
}
