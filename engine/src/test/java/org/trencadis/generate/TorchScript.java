package org.trencadis.generate;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.trencadis.generate.StoredTensor.Storage;

/**
 * Writes a zip archive as {@code torch.save} does: stored entries, payloads at multiples of 64 bytes, zip64 where a length
 * or a position needs it. Storages of zeros become holes, so that files of many GiB cost nothing.
 */
final class TorchScript implements AutoCloseable {
    private static final long MAX32 = 0xFFFFFFFFL;

    private record Written(byte[] name, long crc, long bytes, long offset) {}

    private final FileChannel channel;
    private final List<Written> entries = new ArrayList<>();
    private long position;

    private TorchScript(Path file) throws IOException {
        this.channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    /** Writes {@code root} with its storages to {@code file}. */
    static void write(Path file, Object root, List<Storage> storages) throws IOException {
        try (TorchScript script = new TorchScript(file)) {
            script.entry("data.pkl", PickleScript.pickle(root));
            script.entry("byteorder", "little".getBytes(StandardCharsets.US_ASCII));
            Map<String, Storage> unique = new LinkedHashMap<>();
            storages.forEach(storage -> unique.put(storage.key(), storage));
            for (Storage storage : unique.values()) {
                script.storage(storage);
            }
            script.entry("version", "3\n".getBytes(StandardCharsets.US_ASCII));
            script.directory();
        }
    }

    private void storage(Storage storage) throws IOException {
        long bytes = storage.elements() * storage.elementBytes();
        if (storage.bits() == null) {
            header("data/" + storage.key(), 0, bytes);
            position += bytes;
            return;
        }
        ByteBuffer payload = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
        for (long element = 0; element < storage.elements(); element++) {
            long bits = storage.bits().at(element);
            for (int i = 0; i < storage.elementBytes(); i++) {
                payload.put((byte) (bits >>> 8 * i));
            }
        }
        entry("data/" + storage.key(), payload.array());
    }

    private void entry(String name, byte[] payload) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(payload);
        header(name, crc.getValue(), payload.length);
        put(ByteBuffer.wrap(payload));
    }

    private void header(String shortName, long crc, long bytes) throws IOException {
        byte[] name = ("archive/" + shortName).getBytes(StandardCharsets.UTF_8);
        boolean large = bytes >= MAX32;
        int extra = large ? 20 : 0;
        long start = position;
        int padding = (int) ((64 - (start + 30 + name.length + extra + 4) % 64) % 64);
        ByteBuffer header = buffer(30 + name.length + extra + 4 + padding);
        header.putInt(0x04034b50)
                .putShort((short) (large ? 45 : 0))
                .putShort((short) 0)
                .putShort((short) 0);
        header.putInt(0).putInt((int) crc);
        header.putInt((int) Math.min(bytes, MAX32)).putInt((int) Math.min(bytes, MAX32));
        header.putShort((short) name.length)
                .putShort((short) (extra + 4 + padding))
                .put(name);
        if (large) {
            header.putShort((short) 1).putShort((short) 16).putLong(bytes).putLong(bytes);
        }
        header.put((byte) 'F').put((byte) 'B').putShort((short) padding);
        while (header.hasRemaining()) {
            header.put((byte) 'Z');
        }
        put(header.flip());
        entries.add(new Written(name, crc, bytes, start));
    }

    private void directory() throws IOException {
        long start = position;
        for (Written entry : entries) {
            boolean largeBytes = entry.bytes() >= MAX32;
            boolean largeOffset = entry.offset() >= MAX32;
            int extra = (largeBytes ? 16 : 0) + (largeOffset ? 8 : 0);
            ByteBuffer record = buffer(46 + entry.name().length + (extra == 0 ? 0 : 4 + extra));
            record.putInt(0x02014b50).putShort((short) 0).putShort((short) (extra == 0 ? 0 : 45));
            record.putShort((short) 0).putShort((short) 0).putInt(0).putInt((int) entry.crc());
            record.putInt((int) Math.min(entry.bytes(), MAX32)).putInt((int) Math.min(entry.bytes(), MAX32));
            record.putShort((short) entry.name().length).putShort((short) (extra == 0 ? 0 : 4 + extra));
            record.putShort((short) 0).putShort((short) 0).putShort((short) 0).putInt(0);
            record.putInt((int) Math.min(entry.offset(), MAX32)).put(entry.name());
            if (extra > 0) {
                record.putShort((short) 1).putShort((short) extra);
            }
            if (largeBytes) {
                record.putLong(entry.bytes()).putLong(entry.bytes());
            }
            if (largeOffset) {
                record.putLong(entry.offset());
            }
            put(record.flip());
        }
        end(start, position - start);
    }

    private void end(long start, long bytes) throws IOException {
        if (start >= MAX32 || entries.size() >= 0xFFFF) {
            long record = position;
            ByteBuffer end = buffer(56 + 20);
            end.putInt(0x06064b50)
                    .putLong(44)
                    .putShort((short) 45)
                    .putShort((short) 45)
                    .putInt(0)
                    .putInt(0);
            end.putLong(entries.size()).putLong(entries.size()).putLong(bytes).putLong(start);
            end.putInt(0x07064b50).putInt(0).putLong(record).putInt(1);
            put(end.flip());
        }
        ByteBuffer end = buffer(22);
        short count = (short) Math.min(entries.size(), 0xFFFF);
        end.putInt(0x06054b50)
                .putShort((short) 0)
                .putShort((short) 0)
                .putShort(count)
                .putShort(count);
        end.putInt((int) Math.min(bytes, MAX32))
                .putInt((int) Math.min(start, MAX32))
                .putShort((short) 0);
        put(end.flip());
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void put(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            position += channel.write(bytes, position);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
