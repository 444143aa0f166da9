package org.trencadis.torch;

import java.io.IOException;
import java.util.Arrays;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;

/** What a tensor's arguments must be: every element lies in its storage, whatever the numbers say. */
final class TensorRules {
    /** Torch's type of two four-bit floats in a byte; here, as in safetensors, each of them is an element. */
    private static final String PAIRS = "torch.float4_e2m1fn_x2";

    private static final int PACKED = 2;
    private static final long MAX_PACKED_EXTENT = 1L << 58;

    private final PickleTree tree;

    TensorRules(PickleTree tree) {
        this.tree = tree;
    }

    /** Whether the element type of these arguments is one that is known here. */
    boolean hasKnownDtype(TensorForm form, long arguments) throws IOException {
        return form.dtypeArgument() < 0
                || tree.count(arguments) <= form.dtypeArgument()
                || findDtype(tree.item(arguments, form.dtypeArgument())) != null;
    }

    /** The tensor of these arguments, without its place in the file. */
    TorchTensor check(TensorForm form, long arguments, Place place) throws IOException {
        int count = Word.isTuple(arguments) ? tree.count(arguments) : -1;
        require(
                count >= form.leastArguments() && count <= form.mostArguments(),
                "a tensor is rebuilt from the arguments of its form",
                form.leastArguments() + " arguments",
                count,
                place);
        long storageWord = tree.item(arguments, 0);
        require(Word.tag(storageWord) == Word.STORAGE, "a tensor has a storage", "a storage", "another value", place);
        int storage = (int) Word.payload(storageWord);
        long offset = number(tree.item(arguments, 1), "storage offset", place);
        long[] shape = numbers(tree.item(arguments, 2), "size", place);
        long[] strides = numbers(tree.item(arguments, 3), "stride", place);
        require(shape.length == strides.length, "a tensor has a stride per axis", shape.length, strides.length, place);
        Dtype dtype = dtype(form, arguments, storage, place);
        long storageBytes = checkedBytes(storage, place);
        boolean isPacked = dtype.bits() % 8 != 0;
        int countedBytes = isPacked ? 1 : dtype.bytes();
        long elements = storageBytes / countedBytes;
        long last = lastElement(offset, shape, strides, place);
        require(
                last < elements,
                "every element of a tensor lies in its storage",
                elements + " elements",
                "element " + last,
                place);
        boolean[] bits = lazyBits(form, arguments, count, place);
        long offsetBytes = Math.min(offset, elements) * countedBytes;
        if (isPacked) {
            checkPacked(shape, strides, bits, place);
            shape[shape.length - 1] *= PACKED;
            strides = Shapes.rowMajorStrides(shape);
        }
        return new TorchTensor(
                dtype,
                shape,
                strides,
                offsetBytes,
                0,
                storageBytes,
                tree.storages().key(storage),
                false,
                bits[0],
                bits[1]);
    }

    /** That bytes of packed elements lie one after another; torch counts bytes, and the last axis is packed. */
    private static void checkPacked(long[] shape, long[] strides, boolean[] bits, Place place) throws IOException {
        boolean contiguous = shape.length > 0 && TorchTensor.isRowMajor(shape, strides);
        if (!contiguous || bits[0] || bits[1] || shape[shape.length - 1] > MAX_PACKED_EXTENT) {
            throw new FormatException.Unsupported(
                    "elements of less than a byte lie in row-major order, as they are",
                    "strides of a contiguous tensor",
                    Arrays.toString(strides) + " of shape " + Arrays.toString(shape),
                    place);
        }
    }

    /** The tensor with its place in the file. */
    TorchTensor locate(long tensor, boolean bigEndian, Place place) throws IOException {
        long arguments = tree.records().tensorArguments(tensor);
        TorchTensor checked = check(tree.records().tensorForm(tensor), arguments, place);
        long start = tree.storages().offsetBytes((int) Word.payload(tree.item(arguments, 0)));
        require(start >= 0, "a storage has bytes in its file", "storage " + checked.storageKey(), "none", place);
        return new TorchTensor(
                checked.dtype(),
                checked.shape(),
                checked.strides(),
                start + checked.offsetBytes(),
                start,
                checked.storageBytes(),
                checked.storageKey(),
                bigEndian,
                checked.conjugate(),
                checked.negate());
    }

    private long checkedBytes(int storage, Place place) throws IOException {
        long elements = tree.storages().elements(storage);
        int bytes = tree.storages().type(storage).elementBytes();
        require(elements <= Long.MAX_VALUE / bytes, "the length of a storage fits 63 bits", "less", elements, place);
        return elements * bytes;
    }

    /** The greatest element number that is used, -1 for a tensor without elements. */
    private static long lastElement(long offset, long[] shape, long[] strides, Place place) throws IOException {
        try {
            long numel = 1;
            long last = offset;
            boolean isEmpty = false;
            for (int axis = 0; axis < shape.length; axis++) {
                if (shape[axis] == 0) {
                    isEmpty = true;
                    continue;
                }
                numel = Math.multiplyExact(numel, shape[axis]);
                last = Math.addExact(last, Math.multiplyExact(strides[axis], shape[axis] - 1));
            }
            Math.multiplyExact(numel, 16L);
            return isEmpty ? -1 : last;
        } catch (ArithmeticException e) {
            throw new FormatException.Corrupt(
                    "the elements of a tensor can be counted in 63 bits",
                    "less than 2^59 elements",
                    Arrays.toString(shape) + " strides " + Arrays.toString(strides),
                    place);
        }
    }

    private Dtype dtype(TensorForm form, long arguments, int storage, Place place) throws IOException {
        if (form.dtypeArgument() >= 0) {
            Dtype dtype = findDtype(tree.item(arguments, form.dtypeArgument()));
            require(dtype != null, "a tensor has an element type", "torch.dtype", "another value", place);
            return dtype;
        }
        StorageType type = tree.storages().type(storage);
        Dtype dtype = type == StorageType.UNTYPED ? Dtype.UINT8 : type.dtype();
        if (dtype == null) {
            throw new FormatException.Unsupported("a dense tensor has a dense storage", "a typed storage", type, place);
        }
        return dtype;
    }

    /** The dtype of a GLOBAL {@code torch.<name>} in whole bytes, or of pairs in a byte, or null. */
    private Dtype findDtype(long word) throws IOException {
        if (Word.tag(word) != Word.GLOBAL) {
            return null;
        }
        String name = tree.symbols().globalName((int) Word.payload(word));
        Dtype dtype = name.startsWith("torch.") ? Dtype.find(name.substring("torch.".length())) : null;
        if (name.equals(PAIRS)) {
            return Dtype.FLOAT4_E2M1FN;
        }
        return dtype == null || dtype.bits() % 8 != 0 ? null : dtype;
    }

    /** Conjugate and negative bit. */
    private boolean[] lazyBits(TensorForm form, long arguments, int count, Place place) throws IOException {
        boolean[] bits = new boolean[2];
        int at = form.metadataArgument();
        if (at < 0 || at >= count || tree.item(arguments, at) == Word.NONE) {
            return bits;
        }
        long metadata = tree.item(arguments, at);
        require(Word.tag(metadata) == Word.DICT, "a tensor's metadata is a dictionary", "dict", "other", place);
        int words = tree.count(metadata);
        for (int i = 0; i < words; i += 2) {
            long key = tree.item(metadata, i);
            long value = tree.item(metadata, i + 1);
            String name = Word.tag(key) == Word.TEXT ? tree.symbols().text((int) Word.payload(key)) : "?";
            int bit = name.equals("conj") ? 0 : name.equals("neg") ? 1 : -1;
            if (bit < 0 || value != Word.TRUE && value != Word.FALSE) {
                throw new FormatException.Unsupported("a tensor's metadata says conj or neg", "conj, neg", name, place);
            }
            bits[bit] = value == Word.TRUE;
        }
        return bits;
    }

    private long[] numbers(long word, String what, Place place) throws IOException {
        require(Word.isTuple(word), "a tensor's " + what + " is a tuple", "tuple", "another value", place);
        int order = tree.count(word);
        require(order <= FormatLimits.MAX_ORDER, "a tensor has few axes", FormatLimits.MAX_ORDER, order, place);
        long[] numbers = new long[order];
        for (int axis = 0; axis < order; axis++) {
            numbers[axis] = number(tree.item(word, axis), what, place);
        }
        return numbers;
    }

    private static long number(long word, String what, Place place) throws IOException {
        boolean isInt = Word.tag(word) == Word.INT;
        require(
                isInt && Word.payload(word) >= 0,
                "a tensor's " + what + " is not negative",
                "a whole number from 0",
                isInt ? Word.payload(word) : "another value",
                place);
        return Word.payload(word);
    }

    private static void require(boolean holds, String rule, Object expected, Object actual, Place place)
            throws IOException {
        if (!holds) {
            throw new FormatException.Corrupt(rule, expected, actual, place);
        }
    }
}
