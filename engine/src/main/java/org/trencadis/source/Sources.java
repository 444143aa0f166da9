package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.source.dcp.DcpSource;
import org.trencadis.source.deepspeed.DeepSpeedSource;
import org.trencadis.source.megatron.MegatronSource;
import org.trencadis.source.safetensors.SafetensorsSource;
import org.trencadis.source.torchsave.TorchSaveSource;
import org.trencadis.storage.FileCache;

/** Finds the one reader that recognises a path, and reads it. */
public final class Sources {
    private static final List<SourceReader> READERS = List.of(
            new DeepSpeedSource(),
            new DcpSource(),
            new MegatronSource(),
            new SafetensorsSource(),
            new TorchSaveSource());

    private Sources() {}

    /** A reader and what it took the path for. */
    private record Claim(SourceReader reader, FoundSource found) {
        String print() {
            return reader.name() + " (" + String.join("; ", found.evidence()) + ")";
        }
    }

    /** The names of all readers. */
    public static List<String> names() {
        return READERS.stream().map(SourceReader::name).toList();
    }

    /**
     * The catalog of the checkpoint at {@code path} (or of the tag it points to); its file paths are relative to its fact
     * {@code base}. Coverage is proved. The caller closes it.
     *
     * @throws SourceException when no reader, or more than one, recognises the path, or what it holds is wrong
     */
    public static Catalog open(Path path, SourceOptions options, FileCache cache) throws IOException {
        // The exception of a missing or unreadable path says more than "not recognised".
        Files.readAttributes(path, BasicFileAttributes.class);
        return options.sourceName() == null
                ? recognise(path).read(options, cache)
                : forced(path, options.sourceName()).read(options, cache);
    }

    private static FoundSource forced(Path path, String name) throws IOException {
        for (SourceReader reader : READERS) {
            if (reader.name().equals(name)) {
                FoundSource found = reader.find(path);
                if (found == null) {
                    checkHasNone(reader, path);
                    throw new SourceException(path + " is no checkpoint of " + name + ": none of its files are there");
                }
                return found;
            }
        }
        throw new SourceException("no reader is called '" + name + "'; known: " + String.join(", ", names()));
    }

    private static FoundSource recognise(Path path) throws IOException {
        List<Claim> claims = new ArrayList<>();
        for (SourceReader reader : READERS) {
            FoundSource found = reader.find(path);
            if (found != null) {
                claims.add(new Claim(reader, found));
            }
        }
        if (claims.isEmpty()) {
            for (SourceReader reader : READERS) {
                checkHasNone(reader, path);
            }
            throw new SourceException(path + " holds no checkpoint that a reader knows (" + String.join(", ", names())
                    + "): expected what a training job saved, as a file, a directory with its file 'latest' or"
                    + " the folder of one tag");
        }
        if (claims.size() > 1) {
            throw new SourceException(path
                    + " holds files of several frameworks, say which is meant with --source NAME: "
                    + String.join(", ", claims.stream().map(Claim::print).toList()));
        }
        return claims.getFirst().found();
    }

    /** Says what hinders a reader that has files here. */
    private static void checkHasNone(SourceReader reader, Path path) throws IOException {
        String reason = reader.findHindrance(path);
        if (reason != null) {
            throw new SourceException(reason);
        }
    }
}
