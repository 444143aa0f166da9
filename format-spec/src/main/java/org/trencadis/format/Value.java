package org.trencadis.format;

import java.math.BigInteger;
import java.util.List;

/**
 * A value that is not a tensor: hyperparameters, attachments, facts about a checkpoint.
 *
 * <p>The kinds are those of a pickle without its behaviour: nothing here can be called. {@link ValueCodec} gives the
 * bytes.
 */
public sealed interface Value {
    /** Nothing: Python's None. */
    record None() implements Value {}

    /** True or false. */
    record Bool(boolean value) implements Value {}

    /** A whole number of any size. */
    record Int(BigInteger value) implements Value {
        public Int(long value) {
            this(BigInteger.valueOf(value));
        }
    }

    /** A double, bit for bit. */
    record Real(double value) implements Value {}

    /** Text. */
    record Text(String value) implements Value {}

    /** Bytes. Compared by content. */
    record Blob(byte[] value) implements Value {
        @Override
        public boolean equals(Object other) {
            return other instanceof Blob blob && java.util.Arrays.equals(value, blob.value);
        }

        @Override
        public int hashCode() {
            return java.util.Arrays.hashCode(value);
        }
    }

    /** A list in order. */
    record Sequence(List<Value> items) implements Value {
        public Sequence {
            items = List.copyOf(items);
        }
    }

    /** A fixed sequence: Python's tuple. */
    record Tuple(List<Value> items) implements Value {
        public Tuple {
            items = List.copyOf(items);
        }
    }

    /** Keys and values in the order in which they were written. Keys may be of any kind. */
    record Mapping(List<Entry> entries) implements Value {
        public Mapping {
            entries = List.copyOf(entries);
        }

        /** The value under a text key, or null. */
        public Value find(String key) {
            for (Entry entry : entries) {
                if (entry.key() instanceof Text text && text.value().equals(key)) {
                    return entry.value();
                }
            }
            return null;
        }
    }

    /** One entry of a mapping. */
    record Entry(Value key, Value value) {}

    /** The name of a class, function or constant; never resolved. */
    record Global(String module, String name) implements Value {}

    /**
     * An object that a pickle would have built: what would have been called, with what, and the state set on it.
     *
     * @param state {@link None} where there is none
     */
    record Instance(Value callable, Value arguments, Value state) implements Value {}

    /**
     * A small tensor inside an attachment.
     *
     * @param dtypeCode canonical code of SPEC.md
     * @param bytes little-endian, row-major
     */
    record Tensor(int dtypeCode, List<Long> shape, Blob bytes) implements Value {
        public Tensor {
            shape = List.copyOf(shape);
        }
    }

    /** A second appearance of the object number {@code ordinal}, counted over containers in order of their start. */
    record Shared(long ordinal) implements Value {}
}
