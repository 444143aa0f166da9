package org.trencadis.tools;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A checkpoint that comes along: written by DeepSpeed 0.19.8 on three ranks (ZeRO stage 1, bfloat16), a decoder of two
 * layers after three steps; and the digests of its tensors, taken in the memory of the processes that trained it.
 */
final class Sample {
    private Sample() {}

    /** Lays the checkpoint out below {@code directory} and returns where it is. */
    static Path unpack(Path directory) throws IOException {
        for (String name : lines("files.txt")) {
            Path file = directory.resolve(name);
            Files.createDirectories(file.getParent());
            try (InputStream in = open(name)) {
                Files.copy(in, file);
            }
        }
        return directory.resolve("checkpoint");
    }

    /** A line per tensor, as {@code digest --sha256} prints it. */
    static List<String> digestsFromTraining() throws IOException {
        return lines("digests.txt");
    }

    private static List<String> lines(String name) throws IOException {
        try (InputStream in = open(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }

    private static InputStream open(String name) throws IOException {
        InputStream in = Sample.class.getResourceAsStream("sample/" + name);
        if (in == null) {
            throw new FileNotFoundException("the sample " + name + " is not in this build");
        }
        return in;
    }
}
