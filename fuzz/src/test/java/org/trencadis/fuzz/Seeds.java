package org.trencadis.fuzz;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Writes the seeds of the targets that read files: what is small among the files that the engine's tests read. */
public final class Seeds {
    private static final long MAX_BYTES = 16 << 10;

    private final Path fixtures;
    private final Path out;
    private int count;

    private Seeds(Path fixtures, Path out) {
        this.fixtures = fixtures;
        this.out = out;
    }

    /** {@code FIXTURES OUT}: the fixtures' directory, and one in which a directory for each target is made. */
    public static void main(String[] arguments) throws IOException {
        Seeds seeds = new Seeds(Path.of(arguments[0]), Path.of(arguments[1]));
        for (Path file : seeds.files("torch")) {
            seeds.addTorch(file);
        }
        for (Path file : seeds.files("safetensors")) {
            seeds.addSafetensors(file);
        }
        for (Path file : seeds.files("dcp")) {
            seeds.addMetadata(file);
        }
        System.err.println(seeds.count + " seeds");
    }

    private List<Path> files(String family) throws IOException {
        try (var walk = Files.walk(fixtures.resolve(family))) {
            return walk.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private void addTorch(Path file) throws IOException {
        String name = file.getFileName().toString();
        boolean isSmall = Files.size(file) <= MAX_BYTES;
        if (name.endsWith(".pkl") && isSmall) {
            addPickle(Files.readAllBytes(file));
        } else if (name.endsWith(".pt") || name.endsWith(".pth")) {
            if (isSmall) {
                write("archive", Files.readAllBytes(file), 0);
            }
            addPickleOf(file);
        }
    }

    private void addPickle(byte[] pickle) throws IOException {
        write("pickle", pickle);
        write("archive", pickle, 1);
        write("archive", pickle, 2);
    }

    private void addPickleOf(Path file) throws IOException {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(ZipEntry.class::cast)::iterator) {
                if (entry.getName().endsWith("/data.pkl") && entry.getSize() <= MAX_BYTES) {
                    try (InputStream in = zip.getInputStream(entry)) {
                        addPickle(in.readNBytes((int) MAX_BYTES));
                    }
                }
            }
        } catch (IOException e) {
            // An old stream, or a hostile archive that this class does not open either.
        }
    }

    private void addSafetensors(Path file) throws IOException {
        if (file.toString().endsWith(".safetensors") && Files.size(file) <= MAX_BYTES) {
            byte[] bytes = Files.readAllBytes(file);
            write("safetensors", bytes, 0);
            addHeader(bytes);
        }
    }

    private void addMetadata(Path file) throws IOException {
        if (file.toString().endsWith(".metadata") && Files.size(file) <= MAX_BYTES) {
            write("dcp", Files.readAllBytes(file));
        }
    }

    private void addHeader(byte[] file) throws IOException {
        long length = file.length < Long.BYTES
                ? -1
                : ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        long data = file.length - Long.BYTES - length;
        if (length >= 0 && data >= 0 && data <= SafetensorsFuzzer.MAX_DATA_BYTES) {
            byte[] header = Arrays.copyOfRange(file, Long.BYTES, (int) (Long.BYTES + length));
            write("safetensors", header, (int) data & 0xFF, (int) data >>> 8, 1);
        }
    }

    /** Numbers are taken from the end of an input, the last first. */
    private void write(String target, byte[] bytes, int... last) throws IOException {
        byte[] seed = Arrays.copyOf(bytes, bytes.length + last.length);
        for (int i = 0; i < last.length; i++) {
            seed[bytes.length + i] = (byte) last[i];
        }
        Path directory = Files.createDirectories(out.resolve(target));
        Files.write(directory.resolve("seed-" + count++), seed);
    }
}
