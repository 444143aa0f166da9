package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;

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

    private final PickleOut out = new PickleOut();
    private final TensorWriter tensors = new TensorWriter(this, out);

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
        return tensors.storages();
    }

    public void none() {
        out.write(Opcode.NONE);
    }

    public void bool(boolean value) {
        out.write(value ? Opcode.NEWTRUE : Opcode.NEWFALSE);
    }

    public void integer(long value) {
        out.integer(value);
    }

    public void integer(BigInteger value) {
        out.integer(value);
    }

    public void real(double value) {
        out.real(value);
    }

    /** A text; the second time it is a reference. */
    public void text(String value) {
        out.text(value);
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
        out.memoize(null);
        out.write(Opcode.REDUCE);
        out.memoize(null);
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
        out.memoize(null);
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
        return out.memoize(null);
    }

    /** A list that is still empty; its memo number. */
    int startList() {
        out.write(Opcode.EMPTY_LIST);
        return out.memoize(null);
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
        return count == 0 ? -1 : out.memoize(null);
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
        return out.memoize(null);
    }

    /** Sets the state on the stack on the object below it. */
    void build() {
        out.write(Opcode.BUILD);
    }

    /** Refers to the object with memo number {@code number}. */
    void get(int number) {
        out.get(number);
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
        out.global(module, name);
    }

    /** A {@code torch.Size}. */
    public void size(long[] shape) throws IOException {
        global("torch", "Size");
        tuple(1, () -> longs(shape));
        endObject(Opcode.REDUCE);
    }

    /**
     * A row-major tensor on the processor. It has a storage of its own; tensors of one length and equal sources share one.
     *
     * @throws IllegalArgumentException where torch has no such element type
     */
    public void tensor(Dtype dtype, long[] shape, StorageBytes source) throws IOException {
        tensors.tensor(dtype, shape, source);
    }

    /** A tensor whose bytes are part of the value. */
    void tensor(Value.Tensor tensor) throws IOException {
        tensors.tensor(tensor);
    }

    /** A tuple of numbers. */
    void longs(long[] numbers) throws IOException {
        tuple(numbers.length, () -> {
            for (long number : numbers) {
                integer(number);
            }
        });
    }
}
