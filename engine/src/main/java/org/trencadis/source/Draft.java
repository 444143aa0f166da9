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
import org.trencadis.layout.Placement;
import org.trencadis.layout.ShardMap;
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
public final class Draft implements AutoCloseable {
    private static final int CANONICAL = -1;

    /** The first copy of a shard that is not recorded. */
    private static final int LEFT_OUT = -1;

    /** Compares encodings by what they say; records compare arrays by identity. */
    private record EncodingKey(
            boolean bigEndian,
            boolean conjugate,
            boolean negate,
            List<Long> strides,
            boolean zstd,
            long streamOffset) {}

    private final CatalogBuilder builder = new CatalogBuilder();
    private final Path base;
    private final Map<Path, Integer> files = new HashMap<>();
    private final Map<EncodingKey, Integer> encodings = new HashMap<>();
    /** Copies and margins by tensor and number among its copies. */
    private final Map<Integer, Map<Integer, Integer>> copies = new HashMap<>();

    private final Map<Integer, Map<Integer, Integer>> margins = new HashMap<>();
    private final Map<Integer, Integer> blendStages = new HashMap<>();

    /** A draft whose file paths are relative to {@code base}. */
    public Draft(Path base) {
        this.base = base;
    }

    public CatalogBuilder builder() {
        return builder;
    }

    /** The path of {@code file} as the catalog writes it: relative to the base, with slashes. */
    public String relative(Path file) {
        List<String> names = new ArrayList<>();
        base.relativize(file).forEach(name -> names.add(name.toString()));
        return String.join("/", names);
    }

    /** The catalog's number of a file that is open; fragments point to it. */
    public int file(TorchFile file) {
        return file(file.file(), file.stamp());
    }

    /** The catalog's number of a file that is {@code stamp}. */
    public int file(Path file, FileStamp stamp) {
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

    /** A tensor of which one rank's shard is added. */
    public final class Target {
        private final int tensor;
        private final Placement placement;
        private final int shard;
        private final int firstCopy;

        private Target(int tensor, Placement placement, int shard, int firstCopy) {
            this.tensor = tensor;
            this.placement = placement;
            this.shard = shard;
            this.firstCopy = firstCopy;
        }

        /**
         * Adds a flat window of the shard.
         *
         * @param start first element in the shard's row-major order
         * @param flat the contiguous tensor that holds it, from element {@code place}
         */
        public void addWindow(long start, long count, TorchTensor flat, long place, int file, int holders)
                throws IOException {
            int encoding = encoding(flat, null);
            if (flat.dtype().bits() % 8 != 0) {
                throw new SourceException("a window of a tensor of "
                        + flat.dtype().torchName() + ": elements that share a byte cannot be cut apart");
            }
            long width = flat.dtype().bytes();
            addParts(
                    start,
                    count,
                    (first, region, piece) -> builder.addFragment(
                            copy(piece),
                            region,
                            encoding,
                            holders,
                            file,
                            flat.offsetBytes() + (place + first - start) * width,
                            region.count() * width));
        }

        /** Adds the whole shard as {@code held} holds it, whatever its strides. */
        public void addShard(TorchTensor held, int file, int holders) throws IOException {
            long elements = Shapes.elements(held.shape());
            if (held.dtype().bits() % 8 != 0) {
                addPacked(held, elements, file, holders);
                return;
            }
            if (held.isRowMajor()) {
                addWindow(0, elements, held, 0, file, holders);
                return;
            }
            long width = held.dtype().bytes();
            addParts(
                    0,
                    elements,
                    (first, region, piece) -> builder.addFragment(
                            copy(piece),
                            region,
                            encoding(held, checkedStrides(held, first, region)),
                            holders,
                            file,
                            held.offsetBytes() + position(held, first) * width,
                            region.count() * width));
        }

        /** Adds elements that share bytes, which can only be whole. */
        private void addPacked(TorchTensor held, long elements, int file, int holders) throws IOException {
            addParts(0, elements, (first, region, piece) -> {
                if (region.count() != elements) {
                    throw new SourceException("a shard of " + held.dtype().torchName()
                            + " lies in several pieces of its tensor: elements that share a byte cannot be cut apart");
                }
                builder.addFragment(copy(piece), region, -1, holders, file, held.offsetBytes(), held.sizeBytes());
            });
        }

        private void addParts(long start, long count, ShardMap.Sink sink) throws IOException {
            if (firstCopy != LEFT_OUT) {
                placement.forEachPart(shard, start, count, sink);
            }
        }

        private int copy(ShardMap.Piece piece) {
            return (piece.margin() ? margins : copies)
                    .computeIfAbsent(tensor, key -> new HashMap<>(2))
                    .computeIfAbsent(
                            firstCopy + piece.replica(),
                            number -> piece.margin() ? builder.addMargin(tensor, -1) : builder.addCopy(tensor, -1));
        }
    }

    /**
     * A tensor, added where it is new, for the shard of one rank.
     *
     * <p>A blend that several stages hold is taken from its first stage: copies of all stages would weigh it twice.
     *
     * @param stage pipeline stage; a tensor on several stages has copies on each
     */
    public Target target(String name, String state, Dtype dtype, Placement placement, int stage, int shard)
            throws IOException {
        int tensor = builder.addTensor(name, state, dtype, placement.shape());
        if (Shapes.elements(placement.shape()) == 0) {
            builder.copyOf(tensor);
        } else if (placement.blend()) {
            builder.setBlend(tensor);
            if (blendStages.computeIfAbsent(tensor, key -> stage) != stage) {
                return new Target(tensor, placement, shard, LEFT_OUT);
            }
        }
        return new Target(tensor, placement, shard, stage * placement.shards().length);
    }

    /** Whether a tensor was added. */
    public boolean has(String name, String state) {
        return builder.findTensor(name, state) != null;
    }

    private int encoding(TorchTensor tensor, long[] strides) {
        return encoding(new Encoding(tensor.bigEndian(), tensor.conjugate(), tensor.negate(), strides));
    }

    /** The catalog's number of an encoding, or -1 where it is canonical. */
    public int encoding(Encoding encoding) {
        long[] strides = encoding.strides();
        if (strides == null && encoding.isPlainBytes() && !encoding.zstd()) {
            return CANONICAL;
        }
        List<Long> boxed =
                strides == null ? null : Arrays.stream(strides).boxed().toList();
        EncodingKey key = new EncodingKey(
                encoding.bigEndian(),
                encoding.conjugate(),
                encoding.negate(),
                boxed,
                encoding.zstd(),
                encoding.streamOffset());
        return encodings.computeIfAbsent(key, missing -> builder.addEncoding(encoding));
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
    public Catalog build(String resource) throws IOException {
        return builder.build(resource);
    }

    @Override
    public void close() throws IOException {
        builder.close();
    }
}
