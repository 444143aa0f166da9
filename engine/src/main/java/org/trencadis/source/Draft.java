package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Encoding;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * The catalog that a reader is writing: files and encodings are recorded once, and shards find the copy of their tensor
 * that they belong to.
 */
final class Draft implements AutoCloseable {
    private static final int CANONICAL = -1;

    /** One copy of a tensor, with its margin. */
    private record Copies(int copy, int tensor, int[] margin) {}

    /** Compares encodings by what they say; records compare arrays by identity. */
    private record EncodingKey(boolean bigEndian, boolean conjugate, boolean negate, List<Long> strides) {}

    private final CatalogBuilder builder = new CatalogBuilder();
    private final Path base;
    private final Map<Path, Integer> files = new HashMap<>();
    private final Map<EncodingKey, Integer> encodings = new HashMap<>();
    private final Map<String, Map<Integer, Copies>> copies = new HashMap<>();
    private final Map<Integer, Integer> blendStages = new HashMap<>();

    Draft(Path base) {
        this.base = base;
    }

    CatalogBuilder builder() {
        return builder;
    }

    /** The path of {@code file} as the catalog writes it: relative to the base, with slashes. */
    String relative(Path file) {
        List<String> names = new ArrayList<>();
        base.relativize(file).forEach(name -> names.add(name.toString()));
        return String.join("/", names);
    }

    /** The catalog's number of a file that is open; fragments point to it. */
    int file(TorchFile file) {
        return file(file.file(), file.stamp());
    }

    /** The catalog's number of a file that is {@code stamp}. */
    int file(Path file, FileStamp stamp) {
        return files.computeIfAbsent(
                file,
                path -> builder.addFile(new FileEntry(
                        false,
                        relative(path),
                        stamp.sizeBytes(),
                        stamp.device(),
                        stamp.inode(),
                        stamp.mtimeNs(),
                        stamp.ctimeNs(),
                        null)));
    }

    /** A tensor of which shards are added, in one of its copies. */
    final class Target {
        private final Placement placement;
        private final int shard;
        private final Copies copy;

        private Target(Placement placement, int shard, Copies copy) {
            this.placement = placement;
            this.shard = shard;
            this.copy = copy;
        }

        /**
         * Adds a flat window of the shard.
         *
         * @param start first element in the shard's row-major order
         * @param flat the contiguous tensor that holds it, from element {@code place}
         */
        void addWindow(long start, long count, TorchTensor flat, long place, int file, int holders) throws IOException {
            if (copy == null) {
                return;
            }
            int encoding = encoding(flat, null);
            placement.forEachPart(
                    shard,
                    start,
                    count,
                    (first, region, margin) -> builder.addFragment(
                            margin ? margin() : copy.copy(),
                            region,
                            encoding,
                            holders,
                            file,
                            flat.offsetBytes()
                                    + (place + first - start) * flat.dtype().bytes(),
                            flat.dtype().bytes(region.count())));
        }

        /** Adds the whole shard as {@code tensor} holds it, whatever its strides. */
        void addShard(TorchTensor tensor, int file, int holders) throws IOException {
            long elements = Shapes.elements(tensor.shape());
            if (copy == null || tensor.isRowMajor()) {
                addWindow(0, elements, tensor, 0, file, holders);
                return;
            }
            placement.forEachPart(
                    shard,
                    0,
                    elements,
                    (first, region, margin) -> builder.addFragment(
                            margin ? margin() : copy.copy(),
                            region,
                            encoding(tensor, checkedStrides(tensor, first, region)),
                            holders,
                            file,
                            tensor.offsetBytes()
                                    + position(tensor, first) * tensor.dtype().bytes(),
                            tensor.dtype().bytes(region.count())));
        }

        private int margin() {
            if (copy.margin()[0] < 0) {
                copy.margin()[0] = builder.addMargin(copy.tensor(), -1);
            }
            return copy.margin()[0];
        }
    }

    /**
     * The copy of a tensor that a shard belongs to; tensor and copy are added where they are new.
     *
     * <p>A blend that several stages hold is taken from its first stage: copies of all stages would weigh it twice.
     *
     * @param stage pipeline stage; a tensor on several stages has a copy on each
     */
    Target target(String name, String state, Dtype dtype, Placement placement, int stage, int shard)
            throws IOException {
        int tensor = builder.addTensor(name, state, dtype, placement.shape());
        boolean empty = Shapes.elements(placement.shape()) == 0;
        if (placement.join() == Placement.Join.BLEND && !empty) {
            builder.setBlend(tensor);
            if (blendStages.computeIfAbsent(tensor, key -> stage) != stage) {
                return new Target(placement, shard, null);
            }
        }
        int ranks = placement.shards().length;
        int number = empty ? 0 : stage * ranks + placement.copyOf(shard);
        Map<Integer, Copies> known = copies.computeIfAbsent(state + ':' + name, key -> new HashMap<>(2));
        Copies copy = known.get(number);
        if (copy == null) {
            copy = new Copies(builder.addCopy(tensor, -1), tensor, new int[] {-1});
            known.put(number, copy);
        }
        return new Target(placement, shard, copy);
    }

    /** Whether a tensor was added. */
    boolean has(String name, String state) {
        return builder.findTensor(name, state) != null;
    }

    private int encoding(TorchTensor tensor, long[] strides) {
        if (strides == null && !tensor.bigEndian() && !tensor.conjugate() && !tensor.negate()) {
            return CANONICAL;
        }
        List<Long> boxed =
                strides == null ? null : Arrays.stream(strides).boxed().toList();
        EncodingKey key = new EncodingKey(tensor.bigEndian(), tensor.conjugate(), tensor.negate(), boxed);
        return encodings.computeIfAbsent(
                key,
                wanted -> builder.addEncoding(
                        new Encoding(tensor.bigEndian(), tensor.conjugate(), tensor.negate(), strides)));
    }

    /** The strides of a strided tensor for a region of it, which must be a box along the tensor's own axes. */
    private static long[] checkedStrides(TorchTensor tensor, long first, Region region) throws SourceException {
        long[] extents = region.box().extents();
        boolean fits = region.isWholeBox() && extents.length == tensor.shape().length;
        if (fits) {
            Box whole = Box.whole(tensor.shape());
            long[] point = whole.unflatten(first);
            long[] last = whole.unflatten(first + region.count() - 1);
            for (int axis = 0; fits && axis < extents.length; axis++) {
                fits = last[axis] - point[axis] + 1 == extents[axis];
            }
        }
        if (!fits) {
            throw new SourceException("a shard of shape " + Shapes.print(tensor.shape()) + " with strides "
                    + Arrays.toString(tensor.strides())
                    + " lies in several pieces of its tensor; that is not supported");
        }
        return tensor.strides();
    }

    private static long position(TorchTensor tensor, long first) {
        long[] point = Box.whole(tensor.shape()).unflatten(first);
        long position = 0;
        for (int axis = 0; axis < point.length; axis++) {
            position += point[axis] * tensor.strides()[axis];
        }
        return position;
    }

    /** Builds the catalog and proves its coverage. */
    Catalog build(String resource) throws IOException {
        return builder.build(resource);
    }

    @Override
    public void close() throws IOException {
        builder.close();
    }
}
