package org.trencadis.source.safetensors;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.index.Attachment;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.StrictJson;
import org.trencadis.source.WeightIndex;
import org.trencadis.storage.FileCache;

/** The small files of JSON that Hugging Face's libraries write beside the weights and read back with them. */
final class ConfigurationFiles {
    private static final List<String> NAMES = List.of("config", "generation_config", "adapter_config", "trainer_state");
    private static final long MAX_BYTES = 1 << 20;

    private ConfigurationFiles() {}

    /** Adds each that is there as an attachment; one that cannot be kept is a finding. */
    static void addAll(Path base, CatalogBuilder builder, FileCache cache) throws IOException {
        for (String name : NAMES) {
            Path file = base.resolve(name + ".json");
            if (Files.isRegularFile(file)) {
                try {
                    byte[] bytes = WeightIndex.readWhole(file, MAX_BYTES, cache);
                    builder.addAttachment(new Attachment(
                            name, name + ".json", StrictJson.value(bytes, new Place(file.toString(), "JSON", 0))));
                } catch (FormatException e) {
                    builder.addFinding("safetensors.configuration", name + ".json is not kept: " + e.rule());
                }
            }
        }
    }
}
