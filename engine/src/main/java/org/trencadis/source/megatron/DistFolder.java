package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.index.Catalog;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceOptions;
import org.trencadis.storage.FileCache;

/** One iteration in Megatron Core's form {@code torch_dist}. */
record DistFolder(Path folder) implements FoundSource {
    private static final Pattern BACKEND = Pattern.compile("\"sharded_backend\"\\s*:\\s*\"torch_dist\"");
    private static final Pattern VERSION = Pattern.compile("\"sharded_backend_version\"\\s*:\\s*(\\d{1,9})");
    private static final int KNOWN_VERSION = 1;
    private static final int MAX_JSON_BYTES = 64 * 1024;

    /** The iteration in {@code folder}, or null where its {@code metadata.json} does not say this form. */
    static DistFolder find(Path folder) throws IOException {
        Path json = folder.resolve("metadata.json");
        if (!Files.isRegularFile(json) || Files.size(json) > MAX_JSON_BYTES) {
            return null;
        }
        String text = new String(Files.readAllBytes(json), StandardCharsets.ISO_8859_1);
        if (!BACKEND.matcher(text).find()) {
            return null;
        }
        Matcher version = VERSION.matcher(text);
        if (version.find() && Integer.parseInt(version.group(1)) != KNOWN_VERSION) {
            throw new FormatException.Unsupported(
                    "a known version of torch_dist",
                    KNOWN_VERSION,
                    version.group(1),
                    new Place(json.toString(), "sharded_backend_version", version.start()));
        }
        return new DistFolder(folder.toRealPath());
    }

    Path metadata() {
        return folder.resolve(".metadata");
    }

    /** What all ranks have in common; Megatron Core from 0.20 on writes it as an object of the save instead. */
    Path common() {
        return folder.resolve("common.pt");
    }

    @Override
    public List<String> evidence() {
        return List.of("file metadata.json with sharded_backend torch_dist");
    }

    @Override
    public Catalog read(SourceOptions options, FileCache cache) throws IOException {
        options.checkNoLayout("a checkpoint in Megatron's form torch_dist", "its metadata say where each shard lies");
        if (!Files.isRegularFile(metadata())) {
            throw new SourceException(
                    metadata() + " is missing: the save was not finished, or the copy is not complete");
        }
        return DistReader.read(this, cache);
    }
}
