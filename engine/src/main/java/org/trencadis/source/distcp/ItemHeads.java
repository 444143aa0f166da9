package org.trencadis.source.distcp;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.index.Encoding;
import org.trencadis.source.Draft;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Finds the elements inside items: the first item of a type and shape is opened as the archive that it is, those like it
 * are recognised by their first bytes.
 */
final class ItemHeads implements AutoCloseable {
    /** Bytes before the elements that are worth keeping: torch writes about 1 KiB. */
    private static final int MAX_HEAD_BYTES = 16 * 1024;

    /** Bounds what heads take to 64 MiB at their greatest, and to 4 MiB as torch writes them. */
    private static final int MAX_HEADS = 4096;

    /** Heads of one type and shape: archives of several versions of torch, other strides. */
    private static final int MAX_ALIKE = 8;

    /** What a head can depend on. */
    private record Form(Dtype dtype, long[] shape, boolean zstd) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Form form
                    && dtype == form.dtype
                    && zstd == form.zstd
                    && Arrays.equals(shape, form.shape);
        }

        @Override
        public int hashCode() {
            return 31 * dtype.hashCode() + Arrays.hashCode(shape);
        }
    }

    private final DataFiles files;
    private final Draft draft;
    private final Map<Form, List<ItemHead>> heads = new HashMap<>();
    private final byte[] buffer = new byte[MAX_HEAD_BYTES];
    private int count;
    private ItemStream stream;

    ItemHeads(DataFiles files, Draft draft) {
        this.files = files;
        this.draft = draft;
    }

    /**
     * The head of the item at {@code place}, which must hold a tensor of this type and shape.
     *
     * @param name of the tensor, for messages
     */
    ItemHead find(ItemPlace place, Dtype dtype, long[] shape, String name) throws IOException {
        FileLease lease = files.lease(place.file());
        Form form = new Form(dtype, shape, place.zstd());
        List<ItemHead> alike = heads.get(form);
        int held = place.zstd() ? stream().readHead(place, lease, buffer) : 0;
        for (int i = 0; alike != null && i < alike.size(); i++) {
            ItemHead head = alike.get(i);
            if (!head.isOf(place.lengthBytes())) {
                continue;
            }
            if (held < head.headBytes() && !place.zstd()) {
                held = head.headBytes();
                lease.read(place.offsetBytes(), MemorySegment.ofArray(buffer), 0, held);
            }
            if (head.headBytes() <= held && head.begins(buffer)) {
                return head;
            }
        }
        ItemHead head = place.zstd() ? readStream(place, lease, form, name, held) : read(place, lease, form, name);
        keep(form, head);
        return head;
    }

    private void keep(Form form, ItemHead head) {
        if (count == MAX_HEADS) {
            heads.clear();
            count = 0;
        }
        List<ItemHead> alike = heads.computeIfAbsent(form, missing -> new ArrayList<>(1));
        if (head.headBytes() > 0 && alike.size() < MAX_ALIKE) {
            alike.add(head);
            count++;
        }
    }

    private ItemHead read(ItemPlace place, FileLease lease, Form form, String name) throws IOException {
        try (TorchFile item =
                TorchFile.openRange(place.file().path(), place.offsetBytes(), place.lengthBytes(), files.cache())) {
            TorchTensor tensor = checkedTensor(item.root(), place, form, name);
            int encoding = draft.encoding(
                    new Encoding(tensor.bigEndian(), tensor.conjugate(), tensor.negate(), strides(tensor, form.shape)));
            return new ItemHead(
                    head(place, lease, tensor),
                    place.lengthBytes(),
                    tensor.offsetBytes() - place.offsetBytes(),
                    encoding);
        }
    }

    /** The head of a compressed item, of which {@code held} decoded bytes are in the buffer. */
    private ItemHead readStream(ItemPlace place, FileLease lease, Form form, String name, int held) throws IOException {
        byte[] decoded = Arrays.copyOf(buffer, held);
        try (TorchFile item = TorchFile.openHead(FileCache.leaseOf(lease.file(), lease.stamp(), decoded))) {
            TorchTensor tensor = checkedTensor(item.root(), place, form, name);
            int encoding = draft.encoding(new Encoding(
                    tensor.bigEndian(),
                    tensor.conjugate(),
                    tensor.negate(),
                    strides(tensor, form.shape),
                    true,
                    tensor.offsetBytes()));
            byte[] head = Arrays.copyOf(decoded, (int) tensor.storageOffsetBytes());
            return new ItemHead(head, ItemHead.ANY, tensor.offsetBytes(), encoding);
        }
    }

    private static TorchTensor checkedTensor(Node root, ItemPlace place, Form form, String name) throws IOException {
        if (root.kind() != Kind.TENSOR) {
            throw unexpected(place, form, name, "a value of kind " + root.kind());
        }
        TorchTensor tensor = root.asTensor();
        if (tensor.dtype() != form.dtype || !isAlike(tensor.shape(), form.shape)) {
            throw unexpected(place, form, name, tensor.dtype().torchName() + " " + Shapes.print(tensor.shape()));
        }
        return tensor;
    }

    private static FormatException.Corrupt unexpected(ItemPlace place, Form form, String name, String actual) {
        return new FormatException.Corrupt(
                "an item holds the chunk that the metadata say",
                name + " of " + form.dtype.torchName() + " " + Shapes.print(form.shape),
                actual,
                new Place(place.file().path().toString(), "item", place.offsetBytes()));
    }

    /** Whether shapes are equal but for axes of one element in front. */
    private static boolean isAlike(long[] shape, long[] wanted) {
        int shared = Math.min(shape.length, wanted.length);
        for (int axis = 0; axis < Math.max(shape.length, wanted.length) - shared; axis++) {
            if ((shape.length > wanted.length ? shape : wanted)[axis] != 1) {
                return false;
            }
        }
        return Arrays.equals(shape, shape.length - shared, shape.length, wanted, wanted.length - shared, wanted.length);
    }

    /** The strides of a tensor for a chunk that may have more axes of one element in front; null for row-major. */
    private static long[] strides(TorchTensor tensor, long[] shape) {
        if (tensor.isRowMajor()) {
            return null;
        }
        long[] strides = new long[shape.length];
        int shared = Math.min(strides.length, tensor.strides().length);
        System.arraycopy(tensor.strides(), tensor.strides().length - shared, strides, strides.length - shared, shared);
        return strides;
    }

    /** The bytes of an item before the storage of its tensor, or null where they are too many. */
    private static byte[] head(ItemPlace place, FileLease lease, TorchTensor tensor) throws IOException {
        long bytes = tensor.storageOffsetBytes() - place.offsetBytes();
        if (bytes > MAX_HEAD_BYTES) {
            return null;
        }
        byte[] head = new byte[(int) bytes];
        lease.read(place.offsetBytes(), MemorySegment.ofArray(head), 0, head.length);
        return head;
    }

    /** What decodes compressed items. */
    ItemStream stream() {
        if (stream == null) {
            stream = new ItemStream();
        }
        return stream;
    }

    @Override
    public void close() {
        if (stream != null) {
            stream.close();
        }
    }
}
