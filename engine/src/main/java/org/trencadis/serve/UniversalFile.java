package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.SoftReference;
import org.trencadis.torch.Pickler;
import org.trencadis.torch.TorchArchive;

/**
 * One file of a universal checkpoint folder: a value that is pickled when the file is read. Only its name and size are
 * kept; there are several files for each parameter.
 */
public final class UniversalFile implements VirtualFile {
    /** Writes the file's one value. */
    @FunctionalInterface
    interface Content {
        void write(Pickler pickler) throws IOException;
    }

    private final String name;
    private final Content content;
    private final long sizeBytes;
    private volatile SoftReference<TorchArchive> known;

    private UniversalFile(String name, Content content) throws IOException {
        this.name = name;
        this.content = content;
        TorchArchive archive = makeArchive();
        this.sizeBytes = archive.sizeBytes();
        this.known = new SoftReference<>(archive);
    }

    /**
     * Plans a file.
     *
     * @param name path below the folder, with {@code /}
     */
    static UniversalFile plan(String name, Content content) throws IOException {
        return new UniversalFile(name, content);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
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
