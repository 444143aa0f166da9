package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;

/** Pickles tensors as references to storages, which it numbers. */
final class TensorWriter {
    private final Pickler pickler;
    private final PickleOut out;
    private final List<Pickler.Storage> storages = new ArrayList<>();
    private final Map<Pickler.Storage, Integer> storageNumbers = new HashMap<>();

    TensorWriter(Pickler pickler, PickleOut out) {
        this.pickler = pickler;
        this.out = out;
    }

    /** The storages that the pickle refers to, by their keys 0, 1, 2 … */
    List<Pickler.Storage> storages() {
        return storages;
    }

    /**
     * A row-major tensor on the processor. It has a storage of its own; tensors of one length and equal sources share one.
     *
     * @throws IllegalArgumentException where torch has no such element type
     */
    void tensor(Dtype dtype, long[] shape, StorageBytes source) throws IOException {
        long elements = Shapes.elements(shape);
        String typed = typedStorage(dtype);
        if (typed == null && (dtype.bits() % 8 != 0)) {
            throw new IllegalArgumentException("torch has no storage of " + dtype.torchName());
        }
        long bytes = dtype.bytes(elements);
        pickler.global("torch._utils", typed != null ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
        out.write(Opcode.MARK);
        storage(typed, typed != null ? elements : bytes, bytes, source);
        pickler.integer(0);
        pickler.longs(shape);
        pickler.longs(Shapes.rowMajorStrides(shape));
        pickler.bool(false);
        pickler.orderedDict(0, () -> {});
        if (typed == null) {
            pickler.global("torch", dtype.torchName());
        }
        out.write(Opcode.TUPLE);
        out.memoize(null);
        pickler.endObject(Opcode.REDUCE);
    }

    private void storage(String typed, long count, long bytes, StorageBytes source) {
        out.write(Opcode.MARK);
        pickler.text("storage");
        if (typed != null) {
            pickler.global("torch", typed);
        } else {
            pickler.global("torch.storage", "UntypedStorage");
        }
        Pickler.Storage storage = new Pickler.Storage(bytes, source);
        Integer known = storageNumbers.putIfAbsent(storage, storages.size());
        pickler.text(Integer.toString(known != null ? known : storages.size()));
        pickler.text("cpu");
        pickler.integer(count);
        out.write(Opcode.TUPLE);
        out.memoize(null);
        out.write(Opcode.BINPERSID);
        if (known == null) {
            storages.add(storage);
        }
    }

    /** A tensor whose bytes are part of the value. */
    void tensor(Value.Tensor tensor) throws IOException {
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        MemorySegment bytes = MemorySegment.ofArray(tensor.bytes().value());
        tensor(
                Dtype.find(tensor.dtypeCode()),
                shape,
                (offset, target) -> MemorySegment.copy(bytes, offset, target, 0, target.byteSize()));
    }

    /** The storage class of torch's older element types; null for those that are saved with their type beside. */
    private static String typedStorage(Dtype dtype) {
        return switch (dtype) {
            case BOOL -> "BoolStorage";
            case UINT8 -> "ByteStorage";
            case INT8 -> "CharStorage";
            case INT16 -> "ShortStorage";
            case INT32 -> "IntStorage";
            case INT64 -> "LongStorage";
            case FLOAT16 -> "HalfStorage";
            case BFLOAT16 -> "BFloat16Storage";
            case FLOAT32 -> "FloatStorage";
            case FLOAT64 -> "DoubleStorage";
            case COMPLEX64 -> "ComplexFloatStorage";
            case COMPLEX128 -> "ComplexDoubleStorage";
            default -> null;
        };
    }
}
