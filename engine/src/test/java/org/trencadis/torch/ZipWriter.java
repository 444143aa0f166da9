package org.trencadis.torch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Writes zip files of stored records field by field, so that each field can be wrong. */
final class ZipWriter {
    /** An entry of the directory. */
    static final class Entry {
        final byte[] name;
        final byte[] content;
        int flags = 1 << 3;
        int method;
        long storedBytes;
        long sizeBytes;
        long headerOffset;
        byte[] extra = new byte[0];

        Entry(String name, byte[] content) {
            this.name = name.getBytes(StandardCharsets.UTF_8);
            this.content = content;
            this.storedBytes = content.length;
            this.sizeBytes = content.length;
        }
    }

    final List<Entry> entries = new ArrayList<>();
    byte[] comment = new byte[0];
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** Writes the record with its own header, padded so that its content starts at a multiple of 64 bytes. */
    Entry add(String name, byte[] content) {
        Entry entry = new Entry(name, content);
        entry.headerOffset = out.size();
        int padding = 64 - (out.size() + 30 + entry.name.length + 4) % 64;
        ByteBuffer header = buffer(30);
        header.putInt(0x04034b50)
                .putShort((short) 0)
                .putShort((short) entry.flags)
                .putShort((short) 0);
        header.position(26).putShort((short) entry.name.length).putShort((short) (padding + 4));
        out.writeBytes(header.array());
        out.writeBytes(entry.name);
        out.writeBytes(buffer(4 + padding)
                .putShort((short) 0x4246)
                .putShort((short) padding)
                .array());
        out.writeBytes(content);
        entries.add(entry);
        return entry;
    }

    void raw(byte[] bytes) {
        out.writeBytes(bytes);
    }

    byte[] finish() {
        int directory = out.size();
        for (Entry entry : entries) {
            ByteBuffer head = buffer(46);
            head.putInt(0x02014b50).putInt(0).putShort((short) entry.flags).putShort((short) entry.method);
            head.putInt(20, (int) entry.storedBytes).putInt(24, (int) entry.sizeBytes);
            head.putShort(28, (short) entry.name.length).putShort(30, (short) entry.extra.length);
            head.putInt(42, (int) entry.headerOffset);
            out.writeBytes(head.array());
            out.writeBytes(entry.name);
            out.writeBytes(entry.extra);
        }
        ByteBuffer end = buffer(22).putInt(0x06054b50).putInt(0);
        end.putShort((short) entries.size()).putShort((short) entries.size());
        end.putInt(out.size() - directory).putInt(directory).putShort((short) comment.length);
        out.writeBytes(end.array());
        out.writeBytes(comment);
        return out.toByteArray();
    }

    static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
