package org.trencadis.serve;

import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Alias;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/**
 * The files of a safetensors export, named as Hugging Face names them: {@code model.safetensors}, or numbered files below a
 * size and {@code model.safetensors.index.json}.
 *
 * <p>A tied parameter is written once; its second names stand in the metadata of its file, as {@code save_model} of the
 * library does it.
 */
public final class SafetensorsTree {
    private final Gatherer gatherer;
    private final Map<String, List<String>> aliases = new HashMap<>();

    public SafetensorsTree(Gatherer gatherer) throws IOException {
        this.gatherer = gatherer;
        for (Alias alias : gatherer.catalog().aliases()) {
            aliases.computeIfAbsent(alias.target(), key -> new ArrayList<>()).add(alias.name());
        }
    }

    /** Everything in one file called {@code name}. */
    public VirtualFile planSingle(String name, List<ExportedTensor> tensors) throws IOException {
        return file(name, tensors);
    }

    /**
     * The files of a directory.
     *
     * @param maxShardBytes tensor bytes in a file at most; a larger tensor has a file of its own
     */
    public List<VirtualFile> plan(List<ExportedTensor> tensors, long maxShardBytes) throws IOException {
        List<List<ExportedTensor>> shards = split(tensors, maxShardBytes);
        if (shards.size() == 1) {
            return List.of(planSingle("model.safetensors", tensors));
        }
        List<VirtualFile> files = new ArrayList<>();
        SortedMap<String, String> weightMap = new TreeMap<>();
        for (int i = 0; i < shards.size(); i++) {
            String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            files.add(file(name, shards.get(i)));
            shards.get(i).forEach(tensor -> weightMap.put(tensor.name(), name));
        }
        files.add(new TextFile("model.safetensors.index.json", index(tensors, weightMap)));
        return files;
    }

    private static List<List<ExportedTensor>> split(List<ExportedTensor> tensors, long maxShardBytes) {
        List<List<ExportedTensor>> shards = new ArrayList<>();
        long bytes = 0;
        for (ExportedTensor tensor : tensors) {
            if (shards.isEmpty() || bytes > 0 && tensor.bytes() > maxShardBytes - bytes) {
                shards.add(new ArrayList<>());
                bytes = 0;
            }
            shards.getLast().add(tensor);
            bytes += tensor.bytes();
        }
        return shards;
    }

    private SafetensorsFile file(String name, List<ExportedTensor> tensors) throws IOException {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put("format", "pt");
        for (ExportedTensor tensor : tensors) {
            String plain = tensor.tensor().name();
            String suffix = tensor.name().substring(plain.length());
            aliases.getOrDefault(plain, List.of()).forEach(alias -> metadata.put(alias + suffix, tensor.name()));
        }
        return new SafetensorsFile(name, gatherer, tensors, metadata);
    }

    private static String index(List<ExportedTensor> tensors, SortedMap<String, String> weightMap) {
        StringWriter text = new StringWriter();
        ObjectWriteContext pretty = new ObjectWriteContext.Base() {
            @Override
            public tools.jackson.core.PrettyPrinter getPrettyPrinter() {
                return new DefaultPrettyPrinter();
            }
        };
        try (JsonGenerator json = new JsonFactory().createGenerator(pretty, text)) {
            json.writeStartObject();
            json.writeObjectPropertyStart("metadata");
            json.writeNumberProperty(
                    "total_size",
                    tensors.stream().mapToLong(ExportedTensor::bytes).sum());
            json.writeEndObject();
            json.writeObjectPropertyStart("weight_map");
            weightMap.forEach(json::writeStringProperty);
            json.writeEndObject();
            json.writeEndObject();
        }
        return text.append('\n').toString();
    }
}
