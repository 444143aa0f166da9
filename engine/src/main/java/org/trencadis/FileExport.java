package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.format.FormatLimits;
import org.trencadis.gather.Workers;
import org.trencadis.serve.VirtualFile;
import org.trencadis.storage.Directories;
import org.trencadis.storage.OutputFile;
import org.trencadis.storage.Staging;

/**
 * Writes virtual files to disk: in one pass, by several threads at once, in a staging place beside the target that is
 * renamed when all is there. What exists is not replaced, and a failure leaves nothing.
 */
final class FileExport {
    private static final int PIECE_BYTES = FormatLimits.CHUNK_BYTES;

    private final int threads;
    private final Progress progress;
    private final Check check;

    /** What must hold before what was written gets its name. */
    @FunctionalInterface
    interface Check {
        void run() throws IOException;
    }

    /**
     * @param check run when all is written and before it is renamed
     */
    FileExport(int threads, Progress progress, Check check) {
        this.threads = threads;
        this.progress = progress;
        this.check = check;
    }

    /** Writes {@code file} as {@code target}. */
    void writeFile(VirtualFile file, Path target) throws IOException {
        try (Staging staging = stage(target)) {
            write(file, staging.path());
            check.run();
            staging.publishFile();
        }
    }

    /** Writes {@code files} into the new directory {@code target}. */
    void writeDirectory(List<VirtualFile> files, Path target) throws IOException {
        try (Staging staging = stage(target)) {
            Path staged = staging.path();
            Directories.create(staged);
            for (VirtualFile file : files) {
                write(file, staged.resolve(file.name()));
            }
            check.run();
            Directories.force(staged);
            staging.publishDirectory();
        }
    }

    /** A place to make {@code target}, which does not exist. */
    static Staging stage(Path target) throws IOException {
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        Path parent = target.toAbsolutePath().getParent();
        if (!Files.isDirectory(parent)) {
            throw new IOException(parent + ": no such directory; create it first");
        }
        return Staging.beside(target);
    }

    private void write(VirtualFile file, Path target) throws IOException {
        long size = file.sizeBytes();
        try (OutputFile output = OutputFile.create(target, size)) {
            Workers.forEach(
                    Workers.writers(threads),
                    (size + PIECE_BYTES - 1) / PIECE_BYTES,
                    PieceBuffer::new,
                    (buffer, piece) -> {
                        long offset = piece * PIECE_BYTES;
                        MemorySegment bytes = buffer.bytes().asSlice(0, Math.min(PIECE_BYTES, size - offset));
                        file.read(offset, bytes);
                        output.write(bytes.asByteBuffer(), offset);
                        progress.advance(bytes.byteSize());
                    });
            output.commit(size);
        }
    }
}
