package org.trencadis.tools;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What is run while the start-up cache is recorded: each command once, so that the classes of all are in it, and some
 * work on tens of megabytes, so that the compiler starts out with knowledge of the loops that move bytes.
 */
public final class Training {
    private static final int TENSORS = 8;
    private static final int ROWS = 1024;
    private static final int COLUMNS = 2048;
    private static final int TENSOR_BYTES = ROWS * COLUMNS * Float.BYTES;

    private Training() {}

    /** Runs without output, also on the checkpoints named; what fails is only missing from the cache. */
    public static void main(String[] checkpoints) throws IOException {
        run("--help");
        run("--version");
        run("no-such-command");
        run("demo");
        run("--json", "demo");
        Path place = Files.createTempDirectory("trencadis-training");
        try {
            work(place);
            for (String checkpoint : checkpoints) {
                run("ls", checkpoint);
                run("digest", checkpoint);
            }
        } finally {
            DemoCommand.delete(place);
        }
    }

    private static void work(Path place) throws IOException {
        Path weights = place.resolve("weights.safetensors");
        write(weights);
        for (String codec : new String[] {"raw", "raw", "lz4", "zstd"}) {
            Path store = place.resolve("store");
            run("import", weights, store, "--codec", codec);
            run("export", store, place.resolve("export"), "--format", "safetensors");
            run("verify", store, "--level", "data");
            DemoCommand.delete(store);
            DemoCommand.delete(place.resolve("export"));
        }
    }

    /** Float32 tensors whose upper halves are zero, so that codecs have something to find. */
    private static void write(Path file) throws IOException {
        StringBuilder header = new StringBuilder("{");
        for (int tensor = 0; tensor < TENSORS; tensor++) {
            header.append(tensor == 0 ? "" : ",")
                    .append("\"layers.")
                    .append(tensor)
                    .append(".weight\":{\"dtype\":\"F32\",")
                    .append("\"shape\":[")
                    .append(ROWS)
                    .append(',')
                    .append(COLUMNS)
                    .append("],\"data_offsets\":[")
                    .append((long) tensor * TENSOR_BYTES)
                    .append(',')
                    .append((tensor + 1L) * TENSOR_BYTES)
                    .append("]}");
        }
        byte[] text = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer elements = ByteBuffer.allocate(TENSOR_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            write(
                    out,
                    ByteBuffer.allocate(Long.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(0, text.length));
            write(out, ByteBuffer.wrap(text));
            for (int tensor = 0; tensor < TENSORS; tensor++) {
                for (int element = 0; element < ROWS * COLUMNS / 2; element++) {
                    elements.putFloat(element * Float.BYTES, tensor + (float) Math.sin(element));
                }
                write(out, elements.rewind());
            }
        }
    }

    private static void write(FileChannel out, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
    }

    private static void run(Object... args) {
        OutputStream nowhere = OutputStream.nullOutputStream();
        String[] words = new String[args.length];
        for (int word = 0; word < args.length; word++) {
            words[word] = args[word].toString();
        }
        CommandRunner.run(Streams.of(nowhere, nowhere), words);
    }
}
