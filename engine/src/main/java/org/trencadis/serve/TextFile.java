package org.trencadis.serve;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/** A small file whose text is known: the index of a sharded export. */
public final class TextFile implements VirtualFile {
    private final String name;
    private final MemorySegment bytes;

    public TextFile(String name, String text) {
        this.name = name;
        this.bytes = MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return bytes.byteSize();
    }

    @Override
    public void read(long offset, MemorySegment target) {
        MemorySegment.copy(bytes, offset, target, 0, target.byteSize());
    }
}
