package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.storage.FileCache;

final class LegacyStreamTest {
    @TempDir
    Path directory;

    /** A stream of one object, with storages "0" … of these floats. */
    private byte[] stream(byte[] object, List<float[]> storages) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(HexFormat.of().parseHex("80028a0a6cfc9c46f9206aa850192e"));
        out.writeBytes(new PickleWriter().op(Opcode.PROTO, 2).integer(1001).stop());
        out.writeBytes(new PickleWriter().op(Opcode.EMPTY_DICT).stop());
        out.writeBytes(object);
        PickleWriter keys = new PickleWriter().op(Opcode.EMPTY_LIST, Opcode.MARK);
        for (int i = 0; i < storages.size(); i++) {
            keys.text(Integer.toString(i));
        }
        out.writeBytes(keys.op(Opcode.APPENDS).stop());
        for (float[] storage : storages) {
            out.writeBytes(PickleWriter.littleEndian(storage.length));
            for (float value : storage) {
                out.writeBytes(ZipWriter.buffer(4).putFloat(value).array());
            }
        }
        return out.toByteArray();
    }

    private Node root(byte[] stream, FileCache cache) throws IOException {
        return TorchFile.open(Files.write(directory.resolve("old.pt"), stream), cache)
                .root();
    }

    private static float[] floats(Node node) throws IOException {
        byte[] bytes = TensorBytes.rowMajor(node.asTensor(), node);
        float[] floats = new float[bytes.length / 4];
        ZipWriter.buffer(bytes.length).put(bytes).flip().asFloatBuffer().get(floats);
        return floats;
    }

    private static byte[] twoTensors() {
        PickleWriter pickle = new PickleWriter().op(Opcode.EMPTY_LIST, Opcode.MARK);
        pickle.tensor(() -> pickle.floatStorage("0", 4), 1, new int[] {3}, new int[] {1});
        pickle.tensor(() -> pickle.floatStorage("1", 2), 0, new int[] {2}, new int[] {1});
        return pickle.op(Opcode.APPENDS).stop();
    }

    @Test
    void storagesFollowBehindTheKeys() throws IOException {
        byte[] stream = stream(twoTensors(), List.of(new float[] {1, 2, 3, 4}, new float[] {5, 6}));
        try (FileCache cache = new FileCache()) {
            Node root = root(stream, cache);
            assertArrayEquals(new float[] {2, 3, 4}, floats(root.item(0)));
            assertArrayEquals(new float[] {5, 6}, floats(root.item(1)));
            assertEquals(stream.length, root.item(1).asTensor().storageOffsetBytes() + 2 * Float.BYTES);
            root.torchFile().close();
        }
    }

    @Test
    void viewOfAStorageBeginsInsideIt() throws IOException {
        PickleWriter pickle = new PickleWriter();
        Runnable view = () -> pickle.op(Opcode.MARK)
                .text("storage")
                .global("torch", "FloatStorage")
                .text("0")
                .text("cpu")
                .integer(5)
                .text("view")
                .integer(2)
                .integer(3)
                .op(Opcode.TUPLE3, Opcode.TUPLE, Opcode.BINPERSID);
        pickle.tensor(view, 1, new int[] {2}, new int[] {1});
        byte[] stream = stream(pickle.stop(), List.of(new float[] {0, 1, 2, 3, 4}));
        try (FileCache cache = new FileCache()) {
            Node root = root(stream, cache);
            assertArrayEquals(new float[] {3, 4}, floats(root));
            assertEquals("0", root.asTensor().storageKey());
            root.torchFile().close();
        }
        PickleWriter beyond = new PickleWriter();
        beyond.tensor(
                () -> beyond.op(Opcode.MARK)
                        .text("storage")
                        .global("torch", "FloatStorage")
                        .text("0")
                        .text("cpu")
                        .integer(5)
                        .text("view")
                        .integer(3)
                        .integer(3)
                        .op(Opcode.TUPLE3, Opcode.TUPLE, Opcode.BINPERSID),
                0,
                new int[] {2},
                new int[] {1});
        assertRefused(stream(beyond.stop(), List.of(new float[5])), "a view of a storage lies in it");
    }

    @Test
    void streamWhoseStoragesDisagreeIsRefused() {
        float[] four = new float[4];
        float[] two = new float[2];
        assertRefused(stream(twoTensors(), List.of(four)), "key is listed");
        assertRefused(stream(twoTensors(), List.of(four, two, two)), "one of the object's");
        assertRefused(stream(twoTensors(), List.of(two, two)), "as many elements");
        byte[] whole = stream(twoTensors(), List.of(four, two));
        assertRefused(java.util.Arrays.copyOf(whole, whole.length - 1), "lies in the file");
        assertRefused(java.util.Arrays.copyOf(whole, whole.length + 1), "one object");
    }

    private void assertRefused(byte[] stream, String rule) {
        FormatException refusal = assertThrows(FormatException.class, () -> {
            try (FileCache cache = new FileCache()) {
                root(stream, cache);
            }
        });
        assertTrue(refusal.rule().contains(rule), refusal.getMessage());
    }

    @Test
    void otherProtocolOfTheStreamIsUnsupported() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(HexFormat.of().parseHex("80028a0a6cfc9c46f9206aa850192e"));
        out.writeBytes(new PickleWriter().integer(1002).stop());
        out.writeBytes(new byte[100]);
        assertRefused(out.toByteArray(), "protocol");
    }

    @Test
    void tensorsOfTheStreamAreReadAsValues() throws IOException {
        try (FileCache cache = new FileCache()) {
            Node root = root(stream(twoTensors(), List.of(new float[4], new float[] {5, 6})), cache);
            Value.Sequence value = (Value.Sequence) root.toValue(8);
            assertEquals(new Value.Text("tensor float32 [3]"), value.items().get(0));
            Value.Tensor small = (Value.Tensor) value.items().get(1);
            assertEquals(List.of(2L), small.shape());
            assertArrayEquals(
                    HexFormat.of().parseHex("0000a0400000c040"), small.bytes().value());
            root.torchFile().close();
        }
    }
}
