package org.trencadis.serve;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.SoftReference;
import org.trencadis.torch.Pickler;
import org.trencadis.torch.TorchArchive;

/**
 * One file of a universal checkpoint folder: a value that is pickled when the file is looked at. Little is kept of each:
 * there are several files for every parameter.
 */
public final class UniversalFile implements VirtualFile {
    /** Writes the file's one value. */
    @FunctionalInterface
    interface Content {
        void write(Pickler pickler) throws IOException;
    }

    private final String name;
    private final long payloadBytes;
    private final Content content;
    private volatile long sizeBytes = -1;
    private volatile SoftReference<TorchArchive> known = new SoftReference<>(null);

    /**
     * A file.
     *
     * @param name path below the directory of the export, with {@code /}
     * @param payloadBytes bytes of its tensors
     * @param content fails only where the catalog's files do, and then when their bytes are read
     */
    UniversalFile(String name, long payloadBytes, Content content) {
        this.name = name;
        this.payloadBytes = payloadBytes;
        this.content = content;
    }

    @Override
    public String name() {
        return name;
    }

    /** Bytes of the file's tensors: nearly its size, and known at once. */
    public long payloadBytes() {
        return payloadBytes;
    }

    @Override
    public long sizeBytes() {
        if (sizeBytes < 0) {
            try {
                sizeBytes = archive().sizeBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return sizeBytes;
    }

    @Override
    public void read(long offset, MemorySegment target) throws IOException {
        archive().read(offset, target);
    }

    /** The archive, which can also be read from front to back with its checksums. */
    public TorchArchive archive() throws IOException {
        TorchArchive archive = known.get();
        if (archive == null) {
            archive = makeArchive();
            known = new SoftReference<>(archive);
        }
        return archive;
    }

    private TorchArchive makeArchive() throws IOException {
        Pickler pickler = new Pickler();
        content.write(pickler);
        String file = name.substring(name.lastIndexOf('/') + 1);
        int dot = file.lastIndexOf('.');
        return TorchArchive.plan(dot > 0 ? file.substring(0, dot) : file, pickler);
    }
}
