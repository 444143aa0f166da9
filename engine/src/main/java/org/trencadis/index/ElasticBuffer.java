package org.trencadis.index;

import net.openhft.chronicle.bytes.Bytes;

/**
 * An off-heap buffer of fixed-width numbers that grows as it is written, past 2 GiB.
 *
 * <p>Little-endian on every machine that Chronicle's native bytes support. Not safe for several threads.
 */
final class ElasticBuffer implements AutoCloseable {
    private final Bytes<?> bytes;

    ElasticBuffer() {
        this.bytes = Bytes.allocateElasticDirect(4096);
    }

    long size() {
        return bytes.writePosition();
    }

    void putInt(int value) {
        bytes.writeInt(value);
    }

    void putLong(long value) {
        bytes.writeLong(value);
    }

    void put(byte[] value) {
        bytes.write(value);
    }

    int getInt(long offset) {
        return bytes.readInt(offset);
    }

    long getLong(long offset) {
        return bytes.readLong(offset);
    }

    void get(long offset, byte[] target, int count) {
        bytes.read(offset, target, 0, count);
    }

    @Override
    public void close() {
        bytes.releaseLast();
    }
}
