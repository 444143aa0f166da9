package org.trencadis.generate;

import java.util.ArrayList;
import java.util.List;
import org.trencadis.generate.PickleScript.Call;
import org.trencadis.generate.PickleScript.Global;
import org.trencadis.generate.PickleScript.Persistent;
import org.trencadis.generate.PickleScript.Tuple;

/** A row-major tensor over a part of a storage, as {@code torch.save} would describe it. */
record StoredTensor(Storage storage, long offsetElements, long[] shape) {
    /** All of a storage, flat. */
    static StoredTensor flat(Storage storage) {
        return new StoredTensor(storage, 0, new long[] {storage.elements()});
    }

    /**
     * Elements of one type.
     *
     * @param bits the bits of element i; null for a storage of zeros that takes no room on disk
     */
    record Storage(String key, String storageClass, int elementBytes, long elements, Bits bits) {}

    /** The bits of an element. */
    @FunctionalInterface
    interface Bits {
        long at(long element);
    }

    Call reduction() {
        List<Object> size = new ArrayList<>();
        List<Object> strides = new ArrayList<>();
        long stride = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            size.addFirst(shape[axis]);
            strides.addFirst(stride);
            stride *= Math.max(1, shape[axis]);
        }
        Persistent id = new Persistent(Tuple.of(
                "storage", new Global("torch", storage.storageClass()), storage.key(), "cpu", storage.elements()));
        Tuple arguments = Tuple.of(
                id,
                offsetElements,
                new Tuple(size),
                new Tuple(strides),
                false,
                new Call(new Global("collections", "OrderedDict"), Tuple.of(), null));
        return new Call(new Global("torch._utils", "_rebuild_tensor_v2"), arguments, null);
    }
}
