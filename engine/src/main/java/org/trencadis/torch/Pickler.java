package org.trencadis.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;

/**
 * Writes one value as the pickle (protocol 2) that {@code torch.save} would make of it; tensors become references to
 * numbered storages, which are collected on the way.
 *
 * <p>Only names of {@link EmittedGlobals} are ever written.
 */
public final class Pickler {
    /** Writes the items of a container. */
    @FunctionalInterface
    public interface Items {
        void write() throws IOException;
    }

    /** A storage of the archive: its length and where its bytes come from. */
    record Storage(long bytes, StorageBytes source) {}

    private static final BigInteger INT_MIN = BigInteger.valueOf(Integer.MIN_VALUE);
    private static final BigInteger INT_MAX = BigInteger.valueOf(Integer.MAX_VALUE);

    private final ByteArrayOutputStream out = new ByteArrayOutputStream(256);
    private final Map<Object, Integer> memo = new HashMap<>();
    private final List<Storage> storages = new ArrayList<>();
    private final Map<StorageBytes, Integer> storageNumbers = new HashMap<>();
    private int memoCount;

    public Pickler() {
        out.write(Opcode.PROTO);
        out.write(2);
    }

    /** The finished pickle. */
    byte[] finish() {
        out.write(Opcode.STOP);
        return out.toByteArray();
    }

    /** The storages that the pickle refers to, by their keys 0, 1, 2 … */
    List<Storage> storages() {
        return storages;
    }

    public void none() {
        out.write(Opcode.NONE);
    }

    public void bool(boolean value) {
        out.write(value ? Opcode.NEWTRUE : Opcode.NEWFALSE);
    }

    public void integer(long value) {
        if (value >= 0 && value <= 0xFF) {
            out.write(Opcode.BININT1);
            littleEndian(value, 1);
        } else if (value >= 0 && value <= 0xFFFF) {
            out.write(Opcode.BININT2);
            littleEndian(value, 2);
        } else if (value == (int) value) {
            out.write(Opcode.BININT);
            littleEndian(value, 4);
        } else {
            large(BigInteger.valueOf(value));
        }
    }

    public void integer(BigInteger value) {
        if (value.compareTo(INT_MIN) >= 0 && value.compareTo(INT_MAX) <= 0) {
            integer(value.longValue());
        } else {
            large(value);
        }
    }

    private void large(BigInteger value) {
        byte[] bytes = value.toByteArray();
        if (bytes.length < 256) {
            out.write(Opcode.LONG1);
            out.write(bytes.length);
        } else {
            out.write(Opcode.LONG4);
            littleEndian(bytes.length, 4);
        }
        for (int i = bytes.length - 1; i >= 0; i--) {
            out.write(bytes[i]);
        }
    }

    public void real(double value) {
        out.write(Opcode.BINFLOAT);
        long bits = Double.doubleToRawLongBits(value);
        for (int shift = 56; shift >= 0; shift -= 8) {
            out.write((int) (bits >>> shift));
        }
    }

    /** A text; the second time it is a reference. */
    public void text(String value) {
        if (writeMemo(value)) {
            return;
        }
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        out.write(Opcode.BINUNICODE);
        littleEndian(utf8.length, 4);
        out.writeBytes(utf8);
        memoize(value);
    }

    /**
     * An inert value.
     *
     * @throws IllegalArgumentException where {@link Emittable#clean} would have left something out
     */
    public void value(Value value) throws IOException {
        new ValueWriter(this).write(value);
    }

    /** Bytes: protocol 2 has none, so they are text of the same code points, encoded when loaded. */
    public void bytes(byte[] value) {
        global("_codecs", "encode");
        text(new String(value, StandardCharsets.ISO_8859_1));
        text("latin1");
        out.write(Opcode.TUPLE2);
        memoize(null);
        out.write(Opcode.REDUCE);
        memoize(null);
    }

    /** A dictionary; {@code items} writes {@code entries} pairs of key and value. */
    public void dict(int entries, Items items) throws IOException {
        startDict();
        endItems(entries, items, Opcode.SETITEM, Opcode.SETITEMS);
    }

    /** A {@code collections.OrderedDict}. */
    public void orderedDict(int entries, Items items) throws IOException {
        global("collections", "OrderedDict");
        out.write(Opcode.EMPTY_TUPLE);
        out.write(Opcode.REDUCE);
        memoize(null);
        endItems(entries, items, Opcode.SETITEM, Opcode.SETITEMS);
    }

    /** A list; {@code items} writes {@code count} values. */
    public void list(int count, Items items) throws IOException {
        startList();
        endItems(count, items, Opcode.APPEND, Opcode.APPENDS);
    }

    /** A tuple; {@code items} writes {@code count} values. */
    public void tuple(int count, Items items) throws IOException {
        if (count > 3) {
            out.write(Opcode.MARK);
        }
        items.write();
        endTuple(count);
    }

    /** A dictionary that is still empty; its memo number. */
    int startDict() {
        out.write(Opcode.EMPTY_DICT);
        return memoize(null);
    }

    /** A list that is still empty; its memo number. */
    int startList() {
        out.write(Opcode.EMPTY_LIST);
        return memoize(null);
    }

    /** Fills the container on the stack. */
    void endItems(int count, Items items, int one, int many) throws IOException {
        if (count > 1) {
            out.write(Opcode.MARK);
        }
        items.write();
        if (count > 0) {
            out.write(count == 1 ? one : many);
        }
    }

    /** Marks the start of a tuple of {@code count} items. */
    void startTuple(int count) {
        if (count > 3) {
            out.write(Opcode.MARK);
        }
    }

    /** Makes a tuple of the topmost {@code count} values; its memo number, -1 for the empty one. */
    int endTuple(int count) {
        switch (count) {
            case 0 -> out.write(Opcode.EMPTY_TUPLE);
            case 1 -> out.write(Opcode.TUPLE1);
            case 2 -> out.write(Opcode.TUPLE2);
            case 3 -> out.write(Opcode.TUPLE3);
            default -> out.write(Opcode.TUPLE);
        }
        return count == 0 ? -1 : memoize(null);
    }

    /** An object of a class whose attributes are all set by {@code items}, pairs of attribute name and value. */
    public void object(String module, String name, int attributes, Items items) throws IOException {
        checkAllowed(module, name, EmittedGlobals.Use.NEW);
        global(module, name);
        out.write(Opcode.EMPTY_TUPLE);
        endObject(Opcode.NEWOBJ);
        dict(attributes, items);
        build();
    }

    /** What calling {@code module.name} with {@code count} arguments returns. */
    public void call(String module, String name, int count, Items arguments) throws IOException {
        checkAllowed(module, name, EmittedGlobals.Use.CALL);
        global(module, name);
        tuple(count, arguments);
        endObject(Opcode.REDUCE);
    }

    /** Makes an object of the class and arguments on the stack; its memo number. */
    int endObject(int opcode) {
        out.write(opcode);
        return memoize(null);
    }

    /** Sets the state on the stack on the object below it. */
    void build() {
        out.write(Opcode.BUILD);
    }

    /** Refers to the object with memo number {@code number}. */
    void get(int number) {
        if (number < 256) {
            out.write(Opcode.BINGET);
            out.write(number);
        } else {
            out.write(Opcode.LONG_BINGET);
            littleEndian(number, 4);
        }
    }

    /** A constant: {@code torch.float16}. */
    public void constant(String module, String name) {
        checkAllowed(module, name, EmittedGlobals.Use.CONSTANT);
        global(module, name);
    }

    private static void checkAllowed(String module, String name, EmittedGlobals.Use use) {
        if (EmittedGlobals.find(module, name) != use) {
            throw new IllegalArgumentException(module + "." + name + " may not be written for " + use);
        }
    }

    /** Writes a name without asking; the callers checked it. */
    void global(String module, String name) {
        Value.Global key = new Value.Global(module, name);
        if (writeMemo(key)) {
            return;
        }
        out.write(Opcode.GLOBAL);
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
        memoize(key);
    }

    /** A {@code torch.Size}. */
    public void size(long[] shape) throws IOException {
        global("torch", "Size");
        tuple(1, () -> longs(shape));
        endObject(Opcode.REDUCE);
    }

    /**
     * A row-major tensor on the processor. It has a storage of its own; tensors of equal sources share one.
     *
     * @throws IllegalArgumentException where torch has no such element type
     */
    public void tensor(Dtype dtype, long[] shape, StorageBytes source) throws IOException {
        long elements = Shapes.elements(shape);
        String typed = typedStorage(dtype);
        if (typed == null && (dtype.bits() % 8 != 0)) {
            throw new IllegalArgumentException("torch has no storage of " + dtype.torchName());
        }
        long bytes = dtype.bytes(elements);
        global("torch._utils", typed != null ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
        out.write(Opcode.MARK);
        storage(typed, typed != null ? elements : bytes, bytes, source);
        integer(0);
        longs(shape);
        longs(Shapes.rowMajorStrides(shape));
        bool(false);
        orderedDict(0, () -> {});
        if (typed == null) {
            global("torch", dtype.torchName());
        }
        out.write(Opcode.TUPLE);
        memoize(null);
        endObject(Opcode.REDUCE);
    }

    private void storage(String typed, long count, long bytes, StorageBytes source) {
        out.write(Opcode.MARK);
        text("storage");
        if (typed != null) {
            global("torch", typed);
        } else {
            global("torch.storage", "UntypedStorage");
        }
        Integer known = storageNumbers.putIfAbsent(source, storages.size());
        text(Integer.toString(known != null ? known : storages.size()));
        text("cpu");
        integer(count);
        out.write(Opcode.TUPLE);
        memoize(null);
        out.write(Opcode.BINPERSID);
        if (known == null) {
            storages.add(new Storage(bytes, source));
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

    private void longs(long[] numbers) throws IOException {
        tuple(numbers.length, () -> {
            for (long number : numbers) {
                integer(number);
            }
        });
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

    private boolean writeMemo(Object key) {
        Integer number = memo.get(key);
        if (number != null) {
            get(number);
        }
        return number != null;
    }

    /** Numbers the value on top of the stack, as Python's pickler does with everything that could appear again. */
    private int memoize(Object key) {
        if (memoCount < 256) {
            out.write(Opcode.BINPUT);
            out.write(memoCount);
        } else {
            out.write(Opcode.LONG_BINPUT);
            littleEndian(memoCount, 4);
        }
        if (key != null) {
            memo.put(key, memoCount);
        }
        return memoCount++;
    }

    private void littleEndian(long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (value >>> 8 * i));
        }
    }
}
