package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.trencadis.serve.UniversalFile;
import org.trencadis.serve.VirtualFile;
import org.trencadis.storage.BatchForce;
import org.trencadis.storage.Directories;
import org.trencadis.storage.OutputFile;
import org.trencadis.torch.TorchArchive;

/**
 * Writes a tree of many files: each file by one thread from front to back, several files at once, the largest first.
 *
 * <p>All is written below a name beside the target, made durable together, and renamed. What exists is not replaced, and a
 * failure leaves nothing.
 */
final class TreeExport {
    /** Blocks are reserved for files from this size on; for small ones the call costs more than it saves. */
    private static final long RESERVED_BYTES = 1 << 20;

    private final int threads;
    private final Progress progress;
    private final FileExport.Check check;

    /**
     * An export to write.
     *
     * @param check run when all is written and before it is renamed
     */
    TreeExport(int threads, Progress progress, FileExport.Check check) {
        this.threads = threads;
        this.progress = progress;
        this.check = check;
    }

    /** Writes {@code files}, whose names are paths with {@code /}, below the new directory {@code target}. */
    void write(List<VirtualFile> files, Path target) throws IOException {
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        Path staged = FileExport.staging(target);
        try {
            Directories.create(staged);
            try (BatchForce force = BatchForce.open(staged)) {
                writeAll(files, staged);
                check.run();
                force.force();
            }
            Directories.publishDirectory(staged, target);
        } finally {
            Directories.deleteTree(staged);
        }
    }

    private void writeAll(List<VirtualFile> files, Path staged) throws IOException {
        Set<Path> created = new HashSet<>();
        created.add(staged);
        for (VirtualFile file : files) {
            createParents(staged.resolve(file.name()).getParent(), created);
        }
        List<VirtualFile> largestFirst = new ArrayList<>(files);
        largestFirst.sort(Comparator.comparingLong(VirtualFile::sizeBytes).reversed());
        Workers.run(threads, largestFirst.size(), PieceBuffer::new, (buffer, number) -> {
            VirtualFile file = largestFirst.get((int) number);
            write(file, staged.resolve(file.name()), buffer.bytes());
        });
    }

    private static void createParents(Path directory, Set<Path> created) throws IOException {
        if (created.add(directory)) {
            createParents(directory.getParent(), created);
            Files.createDirectory(directory);
        }
    }

    private void write(VirtualFile file, Path target, MemorySegment buffer) throws IOException {
        long size = file.sizeBytes();
        try (OutputFile output = OutputFile.create(target, size >= RESERVED_BYTES ? size : 0)) {
            TorchArchive.Sequential pass = file instanceof UniversalFile universal
                    ? universal.archive().sequential()
                    : null;
            for (long offset = 0; offset < size; offset += buffer.byteSize()) {
                MemorySegment piece = buffer.asSlice(0, Math.min(buffer.byteSize(), size - offset));
                if (pass != null) {
                    pass.next(piece);
                } else {
                    file.read(offset, piece);
                }
                output.write(piece.asByteBuffer(), offset);
                progress.advance(piece.byteSize());
            }
            output.finish(size);
        }
    }
}
