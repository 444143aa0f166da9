package org.trencadis.gather;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
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

/** A made-up checkpoint: tensors with known bytes, broken into random fragments over a few foreign files. */
final class Mosaic implements AutoCloseable {
    final CatalogBuilder builder = new CatalogBuilder();
    final FileCache cache = new FileCache();
    final Path base;
    private final Random random;
    private final List<ByteArrayOutputStream> files = new ArrayList<>();
    private final List<Placed> placed = new ArrayList<>();

    private record Placed(int copy, Region region, Encoding encoding, int file, long offset, long lengthBytes) {}

    Mosaic(Path base, long seed) {
        this.base = base;
        this.random = new Random(seed);
        for (int file = 0; file < 3; file++) {
            files.add(new ByteArrayOutputStream());
        }
    }

    /** Breaks {@code box} into regions that tile it. */
    List<Region> tile(Box box, int depth) {
        List<Region> tiles = new ArrayList<>();
        tile(box, depth, tiles);
        return tiles;
    }

    private void tile(Box box, int depth, List<Region> tiles) {
        long elements = box.elements();
        if (elements == 0) {
            return;
        }
        int axis = box.order() == 0 ? -1 : random.nextInt(box.order());
        int kind = depth == 0 ? 2 : random.nextInt(4);
        if (kind < 2 && axis >= 0 && box.extents()[axis] > 1) {
            long first = 1L + random.nextInt((int) box.extents()[axis] - 1);
            long[] left = box.extents().clone();
            left[axis] = first;
            long[] offsets = box.offsets().clone();
            offsets[axis] += first;
            long[] right = box.extents().clone();
            right[axis] -= first;
            tile(new Box(box.offsets(), left), depth - 1, tiles);
            tile(new Box(offsets, right), depth - 1, tiles);
        } else if (kind == 3 && elements > 1) {
            long from = 0;
            while (from < elements) {
                long count = 1 + random.nextLong(elements - from);
                tiles.add(new Region(box, from, count));
                from += count;
            }
        } else {
            tiles.add(Region.of(box));
        }
    }

    /** Adds a copy with the canonical bytes {@code content}, which holds all of {@code shape}. */
    int addCopy(int tensor, Dtype dtype, long[] shape, byte[] content, List<Region> tiles) {
        int copy = builder.addCopy(tensor, -1);
        List<Region> shuffled = new ArrayList<>(tiles);
        java.util.Collections.shuffle(shuffled, random);
        for (Region tile : shuffled) {
            addFragment(copy, dtype, Box.whole(shape), content, tile);
        }
        return copy;
    }

    /** Adds one fragment whose elements are those of {@code content} in {@code whole}, in a random encoding. */
    void addFragment(int copy, Dtype dtype, Box whole, byte[] content, Region tile) {
        int width = dtype.bytes();
        boolean bigEndian = random.nextInt(4) == 0;
        boolean strided = random.nextInt(3) == 0;
        int file = random.nextInt(files.size());
        ByteArrayOutputStream out = files.get(file);
        out.writeBytes(new byte[random.nextInt(9)]);
        int start = out.size();
        long[] strides = null;
        long offset = start;
        long places = tile.count();
        if (strided) {
            strides = randomStrides(tile.box());
            places = tile.box().elements();
            offset = start + width * place(tile.box(), strides, tile.first());
        }
        byte[] bytes = new byte[(int) (places * width)];
        for (long element = 0; element < tile.count(); element++) {
            long[] point = tile.box().unflatten(tile.start() + element);
            int from = (int) whole.flatten(point) * width;
            int to = (int) (strided ? place(tile.box(), strides, point) : element) * width;
            for (int i = 0; i < width; i++) {
                int part = width / (ElementEncoding.isComplex(dtype) ? 2 : 1);
                int swapped = bigEndian ? i / part * part + part - 1 - i % part : i;
                bytes[to + swapped] = content[from + i];
            }
        }
        out.writeBytes(bytes);
        Encoding encoding = bigEndian || strided ? new Encoding(bigEndian, false, false, strides) : null;
        placed.add(new Placed(copy, tile, encoding, file, offset, tile.count() * width));
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
            Path path = base.resolve("part" + file + ".bin");
            Files.write(path, files.get(file).toByteArray());
            FileStamp stamp = FileStamp.of(path);
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
