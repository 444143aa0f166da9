package org.trencadis.source.dcp;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.source.distcp.ExpectedTensors;

/**
 * A save whose metadata a test writes as it likes: one tensor, chunks and items. The data file is real; its first item is a
 * float32 tensor of {@link #ROWS} x {@link #COLUMNS}.
 */
final class TinySave {
    static final String DATA = "__0_0.distcp";
    static final int ROWS = 4;
    static final int COLUMNS = 4;
    /** Length of the first item. */
    static final long ITEM_BYTES = 1641;

    private static final String MODULE = "torch.distributed.checkpoint.metadata";

    private final List<byte[]> chunks = new ArrayList<>();
    private final List<byte[]> items = new ArrayList<>();
    private String name = "w";
    private Object[] shape = {ROWS, COLUMNS};
    private String dtype = "float32";

    /** The save of one whole chunk. */
    static TinySave whole() {
        return new TinySave().chunk(0, 0, ROWS, COLUMNS).item("w", 0, 0, DATA, 0, ITEM_BYTES);
    }

    TinySave named(String other) {
        name = other;
        return this;
    }

    TinySave shape(Object... extents) {
        shape = extents;
        return this;
    }

    TinySave dtype(String other) {
        dtype = other;
        return this;
    }

    TinySave chunk(Object row, Object column, Object rows, Object columns) {
        chunks.add(
                object(MODULE + "\nChunkStorageMetadata", "offsets", size(row, column), "sizes", size(rows, columns)));
        return this;
    }

    TinySave item(String fqn, Object row, Object column, Object path, Object offset, Object length) {
        items.add(join(
                object(
                        MODULE + "\nMetadataIndex",
                        "fqn",
                        value(fqn),
                        "offset",
                        size(row, column),
                        "index",
                        value(null)),
                object(
                        "torch.distributed.checkpoint.filesystem\n_StorageInfo",
                        "relative_path",
                        value(path),
                        "offset",
                        value(offset),
                        "length",
                        value(length))));
        return this;
    }

    byte[] pickle() {
        byte[] tensor = object(
                MODULE + "\nTensorStorageMetadata",
                "properties",
                object(MODULE + "\nTensorProperties", "dtype", bytes("ctorch\n" + dtype + "\n")),
                "size",
                size(shape),
                "chunks",
                list(chunks));
        byte[] entries = join(bytes("}("), value(name), tensor, bytes("u"));
        byte[] storage = join(bytes("}("), join(items.toArray(byte[][]::new)), bytes("u"));
        return join(
                new byte[] {(byte) 0x80, 2},
                object(MODULE + "\nMetadata", "state_dict_metadata", entries, "storage_data", storage),
                bytes("."));
    }

    /** Writes metadata and data file. */
    Path write(Path folder) throws IOException {
        Files.write(folder.resolve(".metadata"), pickle());
        Path data = ExpectedTensors.of("dcp/two_axis_2x3").checkpoint().resolve(DATA);
        Files.copy(data, folder.resolve(DATA), StandardCopyOption.REPLACE_EXISTING);
        return folder;
    }

    private static byte[] object(String global, Object... attributes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(bytes("c" + global + "\n)"));
        out.write(0x81);
        out.writeBytes(bytes("}("));
        for (int i = 0; i < attributes.length; i += 2) {
            out.writeBytes(value(attributes[i]));
            out.writeBytes((byte[]) attributes[i + 1]);
        }
        out.writeBytes(bytes("ub"));
        return out.toByteArray();
    }

    private static byte[] size(Object... extents) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(bytes("ctorch\nSize\n(("));
        for (Object extent : extents) {
            out.writeBytes(value(extent));
        }
        out.writeBytes(bytes("ttR"));
        return out.toByteArray();
    }

    private static byte[] list(List<byte[]> parts) {
        return join(bytes("("), join(parts.toArray(byte[][]::new)), bytes("l"));
    }

    private static byte[] value(Object value) {
        if (value == null) {
            return bytes("N");
        }
        if (value instanceof Number) {
            return bytes("L" + value + "L\n");
        }
        byte[] utf8 = value.toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer = ByteBuffer.allocate(5 + utf8.length).order(ByteOrder.LITTLE_ENDIAN);
        return buffer.put((byte) 'X').putInt(utf8.length).put(utf8).array();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
