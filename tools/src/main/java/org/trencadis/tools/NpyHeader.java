package org.trencadis.tools;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.trencadis.tensor.Dtype;

/** The head of a {@code .npy} file, version 1.0. Types that numpy lacks are raw bytes: bfloat16 is {@code |V2}. */
final class NpyHeader {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    private static final int ALIGNMENT = 64;

    private NpyHeader() {}

    static byte[] encode(Dtype dtype, long[] shape) {
        String description = dtype.numpyDescription() != null ? dtype.numpyDescription() : "|V" + dtype.bytes();
        StringBuilder text = new StringBuilder();
        text.append("{'descr': '").append(description).append("', 'fortran_order': False, 'shape': (");
        for (int axis = 0; axis < shape.length; axis++) {
            text.append(axis == 0 ? "" : ", ").append(shape[axis]);
        }
        text.append(shape.length == 1 ? ",), }" : "), }");
        int length = MAGIC.length + Short.BYTES + text.length() + 1;
        text.repeat(' ', (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT).append('\n');
        return ByteBuffer.allocate(MAGIC.length + Short.BYTES + text.length())
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(MAGIC)
                .putShort((short) text.length())
                .put(text.toString().getBytes(StandardCharsets.US_ASCII))
                .array();
    }
}
