package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.trencadis.index.Catalog;
import org.trencadis.storage.FileCache;

/** Finds the reader for a framework's checkpoint directory and reads it. */
public final class Sources {
    private static final String DEEPSPEED = "deepspeed";

    private Sources() {}

    /**
     * The catalog of the checkpoint in {@code directory} (or of the tag it points to); its file paths are relative to its
     * fact {@code base}. Coverage is proved. The caller closes it.
     *
     * @throws SourceException when no reader, or more than one, recognises the directory, or what it holds is wrong
     */
    public static Catalog open(Path directory, SourceOptions options, FileCache cache) throws IOException {
        if (options.sourceName() != null && !options.sourceName().equals(DEEPSPEED)) {
            throw new SourceException("no reader is called '" + options.sourceName() + "'; known: " + DEEPSPEED);
        }
        if (!Files.isDirectory(directory)) {
            // Asks for what is wrong: the exception of a missing or unreadable path says more than "no directory".
            Files.readAttributes(directory, java.nio.file.attribute.BasicFileAttributes.class);
            throw new NotDirectoryException(directory.toString());
        }
        DeepSpeedDirectory found = DeepSpeedDirectory.find(directory);
        if (found == null) {
            throw new SourceException(directory + " holds no checkpoint that a reader knows: expected, for DeepSpeed, a"
                    + " file 'latest' and the folder it names, or a folder with mp_rank_00_model_states.pt");
        }
        if (options.sourceLayout() != null) {
            throw new SourceException("the DeepSpeed reader takes no source layout: what " + options.sourceLayout()
                    + " declares has to stand in the checkpoint's universal_checkpoint_info");
        }
        return DeepSpeedReader.read(found, cache);
    }
}
