package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;
import org.trencadis.format.Value;

/**
 * One value of an unpickled tree: a transient cursor over the file's tape. Nothing is a live object.
 *
 * <p>The {@code as…} methods throw a {@link org.trencadis.format.FormatException.Corrupt} that names file, path and kinds
 * when the value is of another kind.
 */
public final class Node {
    /** What a node is. Dictionaries of any class are DICT, torch.Size is a TUPLE, parameters are TENSORs. */
    public enum Kind {
        NONE,
        BOOL,
        INT,
        REAL,
        TEXT,
        BYTES,
        LIST,
        TUPLE,
        SET,
        DICT,
        /** The name of a class, function or constant, as {@code torch.float16}. */
        GLOBAL,
        /** What a pickle would have built: a global, its arguments, its state. */
        OBJECT,
        TENSOR
    }

    /** Receives the entries of a dictionary in their order. */
    @FunctionalInterface
    public interface EntrySink {
        void accept(Node key, Node value) throws IOException;
    }

    public Kind kind() {
        throw new UnsupportedOperationException("stub");
    }

    public boolean isNone() {
        return kind() == Kind.NONE;
    }

    public boolean asBool() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** A whole number, or a zero-dimensional integer or float tensor read from the file, that fits a long. */
    public long asLong() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    public BigInteger asBigInteger() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** A float or a whole number. */
    public double asReal() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    public String asText() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    public byte[] asBytes() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Items of a list, tuple or set, entries of a dictionary. */
    public int size() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Item {@code index} of a list, tuple or set. */
    public Node item(int index) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    public void forEachEntry(EntrySink sink) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The value under a text key of a dictionary, or null where the key is absent or this is no dictionary. */
    public Node find(String key) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The value under a whole-number key of a dictionary, or null. */
    public Node find(long key) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** {@link #find} that must succeed: Corrupt, naming the path and the missing key, otherwise. */
    public Node get(String key) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** {@code module.name} of a GLOBAL, or of an OBJECT's class; null for other kinds. */
    public String globalName() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The arguments of an OBJECT, a TUPLE. */
    public Node arguments() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The state of an OBJECT, often a DICT of attributes; a NONE node where it has none. */
    public Node state() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    public TorchTensor asTensor() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /**
     * This tree as an inert value: tensors of at most {@code maxTensorBytes} are read and kept inline, larger ones become a
     * text note of dtype and shape. Shared references become {@link Value.Shared}.
     */
    public Value toValue(long maxTensorBytes) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Where this node stands: {@code file: optimizer_state_dict.group_paddings[0]}, for messages. */
    public String path() {
        throw new UnsupportedOperationException("stub");
    }
}
