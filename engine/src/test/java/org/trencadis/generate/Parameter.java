package org.trencadis.generate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A parameter of a made-up model, whose elements are a function of name, state and place, so that nothing has to be kept.
 *
 * @param layer pipeline layer, the first part of its name where there is a pipeline
 * @param group optimizer group
 */
record Parameter(String name, long[] shape, Split split, int layer, int group) {
    /** The states of an Adam optimizer. */
    static final String[] STATES = {"fp32", "exp_avg", "exp_avg_sq"};

    long elements() {
        long product = 1;
        for (long extent : shape) {
            product *= extent;
        }
        return product;
    }

    /** The float32 at a place of the padded logical tensor, as rank {@code rank} has it: only averaged ones differ. */
    float value(String state, long place, int rank) {
        long seed = name.hashCode() * 31L + state.hashCode() + (split.kind() == Split.Kind.AVERAGED ? 977L * rank : 0);
        long hash = (seed ^ place * 0x9E3779B97F4A7C15L) * 0xBF58476D1CE4E5B9L;
        hash ^= hash >>> 29;
        return (int) (hash >>> 40) / (float) (1 << 23) - 1;
    }

    /** The little-endian float32 bytes of the logical tensor, averaged ones combined. */
    byte[] logicalBytes(String state, int ranks) {
        long elements = elements();
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(4 * elements)).order(ByteOrder.LITTLE_ENDIAN);
        for (long place = 0; place < elements; place++) {
            bytes.putFloat(combined(state, place, ranks));
        }
        return bytes.array();
    }

    private float combined(String state, long place, int ranks) {
        if (split.kind() != Split.Kind.AVERAGED) {
            return value(state, place, 0);
        }
        float sum = value(state, place, 0);
        for (int rank = 1; rank < ranks; rank++) {
            sum += value(state, place, rank);
        }
        return sum / ranks;
    }

    /** Round to nearest even, written for finite values only. */
    static int bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (bits + 0x7FFF + (bits >>> 16 & 1)) >>> 16;
    }
}
