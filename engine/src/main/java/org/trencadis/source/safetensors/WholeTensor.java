package org.trencadis.source.safetensors;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** One tensor of the checkpoint, put together from the entries of all headers: one entry, or a shard from each rank. */
final class WholeTensor {
    private static final String STATE = "model";

    /** A shard and where it lies. */
    private record Shard(long[] offsets, long[] extents, int file, long positionBytes, long bytes, int holders) {}

    private final String name;
    private final List<Shard> shards = new ArrayList<>(1);
    private Dtype dtype;
    private long[] shape;
    private String firstFile;
    private boolean sharded = true;

    WholeTensor(String name) {
        this.name = name;
    }

    /**
     * Adds what one file holds.
     *
     * @param offsets where it lies in the tensor
     * @param isShard whether the file says so; a tensor without that is whole, and may be in one file only
     */
    void addShard(
            TensorEntry entry, long[] offsets, long dataBytes, int file, String fileName, int holders, boolean isShard)
            throws IOException {
        sharded &= isShard;
        if (shards.isEmpty()) {
            dtype = entry.dtype();
            shape = new long[offsets.length];
            firstFile = fileName;
        } else if (!sharded || dtype != entry.dtype() || shape.length != offsets.length) {
            throw new SourceException("tensor " + name + " is in " + firstFile + " and in " + fileName + ", as "
                    + dtype.torchName() + " of " + shape.length + " axes and as "
                    + entry.dtype().torchName() + " of " + offsets.length
                    + (sharded ? "" : ", and not both files say which part they hold"));
        }
        for (int axis = 0; axis < shape.length; axis++) {
            shape[axis] = Math.max(shape[axis], offsets[axis] + entry.shape()[axis]);
        }
        shards.add(new Shard(offsets, entry.shape(), file, dataBytes + entry.beginBytes(), entry.bytes(), holders));
    }

    /** Adds the tensor with its fragments; ranks that held the same part are copies. */
    void add(CatalogBuilder builder) throws IOException {
        int tensor = builder.addTensor(name, STATE, dtype, shape);
        List<Integer> copies = new ArrayList<>(1);
        copies.add(builder.copyOf(tensor));
        Map<List<Long>, Integer> seen = new HashMap<>();
        for (Shard shard : shards) {
            if (dtype.bits() % 8 != 0 && !Arrays.equals(shard.extents, shape)) {
                throw new SourceException("tensor " + name + " of " + dtype.torchName()
                        + " is cut into shards; elements that share a byte cannot be");
            }
            int replica = shards.size() == 1 ? 0 : seen.merge(box(shard), 1, Integer::sum) - 1;
            if (replica == copies.size()) {
                copies.add(builder.addCopy(tensor, -1));
            }
            if (Shapes.elements(shard.extents) > 0) {
                builder.addFragment(
                        copies.get(replica),
                        Region.of(new Box(shard.offsets, shard.extents)),
                        -1,
                        shard.holders,
                        shard.file,
                        shard.positionBytes,
                        shard.bytes);
            }
        }
    }

    private static List<Long> box(Shard shard) {
        List<Long> box = new ArrayList<>(2 * shard.offsets.length);
        for (int axis = 0; axis < shard.offsets.length; axis++) {
            box.add(shard.offsets[axis]);
            box.add(shard.extents[axis]);
        }
        return box;
    }
}
