package org.trencadis.source.distcp;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.trencadis.codec.ZstdStream;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;

/** Decodes the first bytes of items that are stored as zstd streams, and small items whole. */
final class ItemStream implements AutoCloseable {
    /** Decoded bytes of the largest pickled value that is read. */
    private static final int MAX_VALUE_BYTES = 64 << 20;

    private final ZstdStream stream = new ZstdStream();
    private FileLease lease;
    private long at;
    private long end;

    /** Decodes up to {@code buffer.length} bytes; how many there are. */
    int readHead(ItemPlace place, FileLease file, byte[] buffer) throws IOException {
        begin(place, file);
        return (int) stream.read(MemorySegment.ofArray(buffer), 0, buffer.length);
    }

    /** Decodes an item whole. */
    FileLease readAll(ItemPlace place, FileLease file) throws IOException {
        begin(place, file);
        byte[] bytes = new byte[8192];
        int held = 0;
        while (true) {
            held += (int) stream.read(MemorySegment.ofArray(bytes), held, bytes.length - held);
            if (held < bytes.length) {
                return FileCache.leaseOf(file.file(), file.stamp(), Arrays.copyOf(bytes, held));
            }
            if (held == MAX_VALUE_BYTES) {
                throw new FormatException.Unsupported(
                        "a value in a compressed item is small", MAX_VALUE_BYTES + " bytes", "more", where(place));
            }
            bytes = Arrays.copyOf(bytes, Math.min(MAX_VALUE_BYTES, held * 2));
        }
    }

    private void begin(ItemPlace place, FileLease file) {
        lease = file;
        at = place.offsetBytes();
        end = at + place.lengthBytes();
        stream.begin(this::fetch, where(place));
    }

    private static Place where(ItemPlace place) {
        return new Place(place.file().path().toString(), "zstd item", place.offsetBytes());
    }

    private void fetch(ByteBuffer target) throws IOException {
        int bytes = (int) Math.min(target.remaining(), end - at);
        lease.read(at, MemorySegment.ofBuffer(target), 0, bytes);
        target.position(target.position() + bytes);
        at += bytes;
    }

    @Override
    public void close() {
        stream.close();
    }
}
