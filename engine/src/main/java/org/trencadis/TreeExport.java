package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.trencadis.gather.Workers;
import org.trencadis.serve.TextFile;
import org.trencadis.serve.UniversalFile;
import org.trencadis.serve.UniversalTree;
import org.trencadis.storage.NewTree;
import org.trencadis.storage.OutputFile;
import org.trencadis.storage.Staging;
import org.trencadis.torch.TorchArchive;

/**
 * Writes a tree of many files: each file by one thread from front to back, several files at once, the largest first.
 *
 * <p>All is written below a name beside the target, made durable together, and renamed. What exists is not replaced, and a
 * failure leaves nothing.
 */
final class TreeExport {
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

    /** Writes the files of {@code tree} below the new directory {@code target}; the bytes of all files. */
    long write(UniversalTree tree, Path target) throws IOException {
        AtomicLong written = new AtomicLong();
        try (Staging place = FileExport.stage(target)) {
            NewTree staging = NewTree.create(place.path());
            for (UniversalFile file : tree.files()) {
                staging.createFolderOf(file.name());
            }
            Workers.forEach(Workers.writers(threads), tree.files().size(), PieceBuffer::new, (buffer, number) -> {
                UniversalFile file = tree.files().get((int) number);
                written.addAndGet(write(file, staging, buffer.bytes()));
            });
            written.addAndGet(write(tree.latest(), staging));
            check.run();
            staging.force();
            place.publishDirectory();
            return written.get();
        }
    }

    private long write(UniversalFile file, NewTree staging, MemorySegment buffer) throws IOException {
        TorchArchive archive = file.archive();
        long size = archive.sizeBytes();
        long payload = file.payloadBytes();
        try (OutputFile output = staging.createFile(file.name(), size)) {
            TorchArchive.Sequential pass = archive.sequential();
            for (long offset = 0; offset < size; offset += buffer.byteSize()) {
                MemorySegment piece = buffer.asSlice(0, Math.min(buffer.byteSize(), size - offset));
                pass.next(piece);
                output.write(piece.asByteBuffer(), offset);
                long told = Math.min(piece.byteSize(), payload);
                payload -= told;
                progress.advance(told);
            }
            output.finish(size);
        }
        return size;
    }

    private static long write(TextFile file, NewTree staging) throws IOException {
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.toIntExact(file.sizeBytes())]);
        file.read(0, bytes);
        try (OutputFile output = staging.createFile(file.name(), file.sizeBytes())) {
            output.write(bytes.asByteBuffer(), 0);
            output.finish(bytes.byteSize());
        }
        return bytes.byteSize();
    }
}
