package org.trencadis.gather;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Encoding;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Tilings;

/** A made-up checkpoint: tensors with known bytes, broken into random fragments over a few foreign files. */
final class Mosaic implements AutoCloseable {
    final CatalogBuilder builder = new CatalogBuilder();
    final FileCache cache = new FileCache();
    final Path base;
    private final Random random;
    private final List<OutputStream> files = new ArrayList<>();
    private final long[] sizes = new long[3];
    private final List<Placed> placed = new ArrayList<>();

    private record Placed(int copy, Region region, Encoding encoding, int file, long offset, long lengthBytes) {}

    Mosaic(Path base, long seed) throws IOException {
        this.base = base;
        this.random = new Random(seed);
        for (int file = 0; file < sizes.length; file++) {
            files.add(new BufferedOutputStream(Files.newOutputStream(path(file))));
        }
    }

    private Path path(int file) {
        return base.resolve("part" + file + ".bin");
    }

    private void write(int file, byte[] bytes) throws IOException {
        files.get(file).write(bytes);
        sizes[file] += bytes.length;
    }

    /** Breaks {@code box} into regions that tile it. */
    List<Region> tile(Box box, int depth) {
        return Tilings.tile(random, box, depth);
    }

    /** Adds a copy with the canonical bytes {@code content}, which holds all of {@code shape}. */
    int addCopy(int tensor, Dtype dtype, long[] shape, byte[] content, List<Region> tiles) throws IOException {
        int copy = builder.addCopy(tensor, -1);
        List<Region> shuffled = new ArrayList<>(tiles);
        java.util.Collections.shuffle(shuffled, random);
        for (Region tile : shuffled) {
            addFragment(copy, dtype, Box.whole(shape), content, tile);
        }
        return copy;
    }

    /** Adds one fragment whose elements are those of {@code content} in {@code whole}, in a random encoding. */
    void addFragment(int copy, Dtype dtype, Box whole, byte[] content, Region tile) throws IOException {
        int width = dtype.bytes();
        boolean bigEndian = random.nextInt(4) == 0;
        boolean strided = random.nextInt(3) == 0;
        int file = random.nextInt(files.size());
        write(file, new byte[random.nextInt(9)]);
        long start = sizes[file];
        long[] strides = null;
        long offset = start;
        long places = tile.count();
        if (strided) {
            strides = randomStrides(tile.box());
            places = tile.box().elements();
            offset = start + width * place(tile.box(), strides, tile.first());
        }
        byte[] bytes = new byte[(int) (places * width)];
        long[] point = tile.count() == 0 ? null : tile.first();
        for (long element = 0; element < tile.count(); element++) {
            int from = (int) whole.flatten(point) * width;
            int to = (int) (strided ? place(tile.box(), strides, point) : element) * width;
            for (int i = 0; i < width; i++) {
                int part = width / (ElementEncoding.isComplex(dtype) ? 2 : 1);
                int swapped = bigEndian ? i / part * part + part - 1 - i % part : i;
                bytes[to + swapped] = content[from + i];
            }
            advance(point, tile.box());
        }
        write(file, bytes);
        Encoding encoding = bigEndian || strided ? new Encoding(bigEndian, false, false, strides) : null;
        placed.add(new Placed(copy, tile, encoding, file, offset, tile.count() * width));
    }

    /** The next point of the box in row-major order. */
    private static void advance(long[] point, Box box) {
        for (int axis = point.length - 1; axis >= 0; axis--) {
            if (++point[axis] < box.end(axis)) {
                return;
            }
            point[axis] = box.offsets()[axis];
        }
    }

    /** Strides of the box's elements in a random order of axes, some of them backwards. */
    private long[] randomStrides(Box box) {
        Integer[] axes = new Integer[box.order()];
        Arrays.setAll(axes, axis -> axis);
        java.util.Collections.shuffle(Arrays.asList(axes), random);
        long[] strides = new long[box.order()];
        long stride = 1;
        for (int axis : axes) {
            strides[axis] = random.nextInt(3) == 0 ? -stride : stride;
            stride *= box.extents()[axis];
        }
        return strides;
    }

    /** The place of a point among the elements of the box, 0 for the lowest. */
    private static long place(Box box, long[] strides, long[] point) {
        long place = 0;
        for (int axis = 0; axis < strides.length; axis++) {
            long at = point[axis] - box.offsets()[axis];
            place += strides[axis] < 0 ? (at - box.extents()[axis] + 1) * strides[axis] : at * strides[axis];
        }
        return place;
    }

    byte[] randomBytes(long bytes) {
        byte[] content = new byte[Math.toIntExact(bytes)];
        random.nextBytes(content);
        return content;
    }

    /** Writes the files and builds the catalog. */
    Catalog build() throws IOException {
        int[] numbers = new int[files.size()];
        for (int file = 0; file < numbers.length; file++) {
            files.get(file).close();
            FileStamp stamp = FileStamp.of(path(file));
            numbers[file] = builder.addFile(new FileEntry(
                    false,
                    "part" + file + ".bin",
                    stamp.sizeBytes(),
                    stamp.device(),
                    stamp.inode(),
                    stamp.mtimeNs(),
                    stamp.ctimeNs(),
                    null));
        }
        for (Placed one : placed) {
            int encoding = one.encoding() == null ? -1 : builder.addEncoding(one.encoding());
            builder.addFragment(
                    one.copy(), one.region(), encoding, -1, numbers[one.file()], one.offset(), one.lengthBytes());
        }
        builder.addFact("base", new Value.Text(base.toString()));
        return builder.build("mosaic");
    }

    Gatherer gatherer(Catalog catalog) throws IOException {
        return new Gatherer(catalog, CheckpointFiles.open(catalog, base, null, cache));
    }

    @Override
    public void close() throws IOException {
        builder.close();
    }
}
