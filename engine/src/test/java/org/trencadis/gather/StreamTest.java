package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.FormatException;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Encoding;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Elements that lie in Zstandard streams are read as if they lay in the file. */
class StreamTest {
    private static final int ROWS = 300;
    private static final int COLUMNS = 1000;
    private static final int HEAD = 1088;
    private static final long[] SHAPE = {ROWS, COLUMNS};

    @TempDir
    Path directory;

    /** The decoded stream: a head, then ROWS x COLUMNS numbers, then a tail. */
    private static byte[] decoded() {
        ByteBuffer bytes = ByteBuffer.allocate(HEAD + 4 * ROWS * COLUMNS + 77).order(ByteOrder.LITTLE_ENDIAN);
        Random random = new Random(7);
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            bytes.putInt(HEAD + 4 * i, random.nextInt(1000));
        }
        return bytes.array();
    }

    /** As torch's extension writes it: one frame, without its length. */
    private static byte[] frame(byte[] bytes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (OutputStream stream = new ZstdOutputStream(out)) {
            stream.write(bytes);
        }
        return out.toByteArray();
    }

    private interface Body {
        void run(Gatherer gatherer) throws IOException;
    }

    private void open(byte[] stored, long[] strides, long[] shape, Body body) throws IOException {
        Path file = directory.resolve("items.bin");
        byte[] content = new byte[stored.length + 30];
        System.arraycopy(stored, 0, content, 10, stored.length);
        Files.write(file, content);
        FileStamp stamp = FileStamp.of(file);
        try (CatalogBuilder builder = new CatalogBuilder()) {
            int number = builder.addFile(new FileEntry(
                    false,
                    "items.bin",
                    stamp.sizeBytes(),
                    stamp.device(),
                    stamp.inode(),
                    stamp.mtimeNs(),
                    stamp.ctimeNs(),
                    null));
            int tensor = builder.addTensor("w", "model", Dtype.INT32, shape);
            int encoding = builder.addEncoding(new Encoding(false, false, false, strides, true, HEAD));
            builder.addFragment(
                    builder.addCopy(tensor, -1), Region.whole(shape), encoding, -1, number, 10, stored.length);
            try (Catalog catalog = builder.build("test");
                    FileCache cache = new FileCache();
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, cache)) {
                body.run(new Gatherer(catalog, files));
            }
        }
    }

    private static byte[] gather(Gatherer gatherer, Region region) throws IOException {
        byte[] bytes = new byte[(int) region.count() * 4];
        gatherer.gather(gatherer.catalog().tensor(0), region, MemorySegment.ofArray(bytes));
        return bytes;
    }

    private static byte[] rows(byte[] decoded, int from, int to) {
        return Arrays.copyOfRange(decoded, HEAD + 4 * COLUMNS * from, HEAD + 4 * COLUMNS * to);
    }

    @Test
    void rowsAreReadForwardsBackwardsAndAgain() throws IOException {
        byte[] decoded = decoded();
        open(frame(decoded), null, SHAPE, gatherer -> {
            for (int[] part : new int[][] {{0, ROWS}, {0, 10}, {10, 20}, {290, ROWS}, {5, 6}, {5, 7}}) {
                Region region = Region.of(new Box(new long[] {part[0], 0}, new long[] {part[1] - part[0], COLUMNS}));
                assertArrayEquals(rows(decoded, part[0], part[1]), gather(gatherer, region));
            }
            assertNull(gatherer.findView(gatherer.catalog().tensor(0), Region.whole(SHAPE)));
        });
    }

    @Test
    void columnsArePickedOutOfTheStream() throws IOException {
        byte[] decoded = decoded();
        open(frame(decoded), null, SHAPE, gatherer -> {
            Region region = Region.of(new Box(new long[] {3, 998}, new long[] {200, 2}));
            byte[] expected = new byte[200 * 8];
            for (int row = 0; row < 200; row++) {
                System.arraycopy(decoded, HEAD + 4 * ((row + 3) * COLUMNS + 998), expected, 8 * row, 8);
            }
            assertArrayEquals(expected, gather(gatherer, region));
        });
    }

    @Test
    void aTransposedTensorIsReadInItsOwnOrder() throws IOException {
        byte[] decoded = decoded();
        open(frame(decoded), new long[] {1, COLUMNS}, new long[] {COLUMNS, ROWS}, gatherer -> {
            byte[] all = gather(gatherer, Region.whole(new long[] {COLUMNS, ROWS}));
            ByteBuffer turned = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer rows = ByteBuffer.wrap(decoded).order(ByteOrder.LITTLE_ENDIAN);
            for (int column = 0; column < COLUMNS; column++) {
                for (int row = 0; row < ROWS; row++) {
                    assertEquals(
                            rows.getInt(HEAD + 4 * (row * COLUMNS + column)), turned.getInt(4 * (column * ROWS + row)));
                }
            }
        });
    }

    @Test
    void severalFramesAreOneStream() throws IOException {
        byte[] decoded = decoded();
        byte[] first = Zstd.compress(Arrays.copyOf(decoded, 5000));
        byte[] second = frame(Arrays.copyOfRange(decoded, 5000, decoded.length));
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        open(
                both,
                null,
                SHAPE,
                gatherer -> assertArrayEquals(rows(decoded, 0, ROWS), gather(gatherer, Region.whole(SHAPE))));
    }

    @Test
    void aStreamThatEndsTooEarlyOrIsNoneIsNamed() throws IOException {
        byte[] stored = frame(decoded());
        byte[] cut = Arrays.copyOf(stored, stored.length / 2);
        open(cut, null, SHAPE, gatherer -> {
            assertThrows(FormatException.Truncated.class, () -> gather(gatherer, Region.whole(SHAPE)));
            Region first = Region.of(new Box(new long[] {0, 0}, new long[] {1, COLUMNS}));
            assertArrayEquals(rows(decoded(), 0, 1), gather(gatherer, first));
        });
        open(
                frame(new byte[HEAD + 100]),
                null,
                SHAPE,
                gatherer -> assertThrows(FormatException.Truncated.class, () -> gather(gatherer, Region.whole(SHAPE))));
        open(
                frame(new byte[HEAD + 100]),
                new long[] {1, COLUMNS},
                new long[] {COLUMNS, ROWS},
                gatherer -> assertThrows(
                        FormatException.Truncated.class,
                        () -> gather(gatherer, Region.whole(new long[] {COLUMNS, ROWS}))));
        open(
                new byte[1000],
                null,
                SHAPE,
                gatherer -> assertThrows(FormatException.Corrupt.class, () -> gather(gatherer, Region.whole(SHAPE))));
    }

    @Test
    void aWindowThatTakesTooMuchMemoryIsRefused() throws IOException {
        byte[] decoded = decoded();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZstdOutputStream stream = new ZstdOutputStream(out)) {
            stream.setLong(27);
            stream.write(decoded);
        }
        open(
                out.toByteArray(),
                null,
                SHAPE,
                gatherer -> assertThrows(FormatException.class, () -> gather(gatherer, Region.whole(SHAPE))));
    }
}
