package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.FormatException;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Dtype;

final class TensorRulesTest {
    private static final int STORAGE_ELEMENTS = 24;

    @TempDir
    Path directory;

    /** An archive of one tensor over a storage of {@link #STORAGE_ELEMENTS} floats 0, 1, 2 … */
    private Path archive(long offset, int[] shape, int[] strides) throws IOException {
        PickleWriter pickle = new PickleWriter();
        pickle.tensor(() -> pickle.floatStorage("0", STORAGE_ELEMENTS), offset, shape, strides);
        byte[] storage = new byte[4 * STORAGE_ELEMENTS];
        for (int i = 0; i < STORAGE_ELEMENTS; i++) {
            ZipWriter.buffer(4).putFloat(i).get(0, storage, 4 * i, 4);
        }
        ZipWriter zip = new ZipWriter();
        zip.add("x/data.pkl", pickle.stop());
        zip.add("x/data/0", storage);
        return Files.write(directory.resolve("one.pt"), zip.finish());
    }

    @Test
    void exactlyTheViewsInsideTheStorageAreReadAndRight() throws IOException {
        SplittableRandom random = new SplittableRandom(11);
        int refused = 0;
        for (int round = 0; round < 300; round++) {
            int[] shape = new int[random.nextInt(4)];
            int[] strides = new int[shape.length];
            int elements = 1;
            for (int axis = 0; axis < shape.length; axis++) {
                shape[axis] = random.nextInt(0, 5);
                strides[axis] = random.nextInt(0, 8);
                elements *= shape[axis];
            }
            int offset = random.nextInt(0, STORAGE_ELEMENTS + 1);
            int[] wanted = naiveElements(shape, strides, offset, elements);
            boolean isInside = java.util.Arrays.stream(wanted).allMatch(at -> at < STORAGE_ELEMENTS);
            Path file = archive(offset, shape, strides);
            try (FileCache cache = new FileCache()) {
                if (!isInside) {
                    assertThrows(FormatException.Corrupt.class, () -> TorchFile.open(file, cache));
                    refused++;
                    continue;
                }
                try (TorchFile torch = TorchFile.open(file, cache)) {
                    TorchTensor tensor = torch.root().asTensor();
                    assertEquals(elements, tensor.elements());
                    byte[] bytes = TensorBytes.rowMajor(tensor, torch.root());
                    for (int i = 0; i < elements; i++) {
                        assertEquals(
                                wanted[i],
                                ZipWriter.buffer(4).put(0, bytes, 4 * i, 4).getFloat(0));
                    }
                }
            }
        }
        assertTrue(refused > 30 && refused < 270, "refused " + refused);
    }

    private static int[] naiveElements(int[] shape, int[] strides, int offset, int elements) {
        int[] wanted = new int[elements];
        for (int i = 0; i < elements; i++) {
            int rest = i;
            wanted[i] = offset;
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                wanted[i] += strides[axis] * (rest % shape[axis]);
                rest /= shape[axis];
            }
        }
        return wanted;
    }

    @Test
    void numbersThatWrapAreRefused() throws IOException {
        long[] offsets = {Long.MAX_VALUE, Long.MAX_VALUE - 1, -1, 1L << 58, 1L << 62};
        for (long offset : offsets) {
            Path file = archive(offset, new int[] {2}, new int[] {Integer.MAX_VALUE});
            try (FileCache cache = new FileCache()) {
                assertThrows(FormatException.Corrupt.class, () -> TorchFile.open(file, cache));
            }
        }
        int huge = Integer.MAX_VALUE;
        Path file = archive(0, new int[] {huge, huge, huge}, new int[] {0, 0, 0});
        try (FileCache cache = new FileCache()) {
            assertThrows(FormatException.Corrupt.class, () -> TorchFile.open(file, cache));
        }
    }

    @Test
    void rowMajorIsSeenThroughAxesOfOneElement() {
        assertTrue(tensor(new long[] {2, 1, 3}, new long[] {3, 77, 1}).isRowMajor());
        assertFalse(tensor(new long[] {2, 1, 3}, new long[] {1, 77, 2}).isRowMajor());
        assertTrue(tensor(new long[] {2, 0}, new long[] {5, 5}).isRowMajor());
        assertTrue(tensor(new long[] {}, new long[] {}).isRowMajor());
        assertFalse(tensor(new long[] {2}, new long[] {0}).isRowMajor());
    }

    private static TorchTensor tensor(long[] shape, long[] strides) {
        return new TorchTensor(Dtype.FLOAT32, shape, strides, 0, 0, 0, "0", false, false, false);
    }

    @Test
    void parameterStateIsTheTensors() throws IOException {
        PickleWriter pickle = new PickleWriter();
        pickle.global("torch._utils", "_rebuild_parameter_with_state").op(Opcode.MARK);
        pickle.tensor(() -> pickle.floatStorage("0", 1), 0, new int[] {}, new int[] {});
        pickle.op(Opcode.NEWTRUE, Opcode.NONE, Opcode.EMPTY_DICT);
        pickle.text("note").op(Opcode.BININT1, 5, Opcode.SETITEM, Opcode.TUPLE, Opcode.REDUCE);
        ZipWriter zip = new ZipWriter();
        zip.add("x/data.pkl", pickle.stop());
        zip.add("x/data/0", ZipWriter.buffer(4).putFloat(-12).array());
        Path file = Files.write(directory.resolve("parameter.pt"), zip.finish());
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.open(file, cache)) {
            assertArrayEquals(new long[0], torch.root().asTensor().shape());
            assertEquals(5, torch.root().state().get("note").asLong());
            assertEquals(-12, torch.root().asLong());
            assertEquals(-12.0, torch.root().asReal());
        }
    }
}
