package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Encoding;
import org.trencadis.index.Extent;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** Reads tensors of a catalog element by element, as the definition of a fragment says: an oracle, not a reader. */
final class NaiveGather {
    private final Catalog catalog;
    private final Path base;
    private final Map<Integer, byte[]> files = new HashMap<>();

    NaiveGather(Catalog catalog) throws IOException {
        this.catalog = catalog;
        this.base = Path.of(catalog.findFact("base"));
    }

    /** The row-major bytes of one copy; of a margin where {@code shape} is larger than the tensor's. */
    byte[] bytes(Tensor tensor, int copyNumber, long[] shape) throws IOException {
        Copy copy = catalog.copy(tensor, copyNumber);
        int width = tensor.dtype().bytes();
        byte[] target = new byte[Math.toIntExact(Shapes.elements(shape) * width)];
        Box whole = Box.whole(shape);
        catalog.forEachFragment(copy, fragment -> place(fragment, whole, target, width));
        return target;
    }

    private void place(Fragment fragment, Box whole, byte[] target, int width) throws IOException {
        Region region = fragment.region();
        Extent extent = catalog.extent(fragment, 0);
        byte[] file = file(extent.file());
        Encoding encoding = fragment.encoding() < 0 ? null : catalog.encoding(fragment.encoding());
        long[] strides = encoding == null || encoding.strides() == null
                ? Shapes.rowMajorStrides(region.box().extents())
                : encoding.strides();
        long[] point = region.box().unflatten(region.start());
        long origin = position(region, strides, point);
        boolean swapped = encoding != null && encoding.bigEndian();
        for (long k = 0; k < region.count(); k++) {
            int from = (int) (extent.offset() + (position(region, strides, point) - origin) * width);
            int to = (int) whole.flatten(point) * width;
            for (int b = 0; b < width; b++) {
                target[to + b] = file[from + (swapped ? width - 1 - b : b)];
            }
            increment(point, region.box());
        }
    }

    private static void increment(long[] point, Box box) {
        for (int axis = point.length - 1; axis >= 0; axis--) {
            if (++point[axis] < box.end(axis)) {
                return;
            }
            point[axis] = box.offsets()[axis];
        }
    }

    private static long position(Region region, long[] strides, long[] point) {
        long position = 0;
        for (int axis = 0; axis < point.length; axis++) {
            position += (point[axis] - region.box().offsets()[axis]) * strides[axis];
        }
        return position;
    }

    private byte[] file(int ordinal) throws IOException {
        byte[] bytes = files.get(ordinal);
        if (bytes == null) {
            bytes = Files.readAllBytes(base.resolve(catalog.file(ordinal).path()));
            files.put(ordinal, bytes);
        }
        return bytes;
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
