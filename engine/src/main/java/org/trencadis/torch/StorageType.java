package org.trencadis.torch;

import java.util.HashMap;
import java.util.Map;
import org.trencadis.tensor.Dtype;

/** A storage class of torch: what its elements are. */
enum StorageType {
    UNTYPED("UntypedStorage", null, 1),
    FLOAT("FloatStorage", Dtype.FLOAT32),
    DOUBLE("DoubleStorage", Dtype.FLOAT64),
    HALF("HalfStorage", Dtype.FLOAT16),
    BFLOAT16("BFloat16Storage", Dtype.BFLOAT16),
    LONG("LongStorage", Dtype.INT64),
    INT("IntStorage", Dtype.INT32),
    SHORT("ShortStorage", Dtype.INT16),
    CHAR("CharStorage", Dtype.INT8),
    BYTE("ByteStorage", Dtype.UINT8),
    BOOL("BoolStorage", Dtype.BOOL),
    COMPLEX_DOUBLE("ComplexDoubleStorage", Dtype.COMPLEX128),
    COMPLEX_FLOAT("ComplexFloatStorage", Dtype.COMPLEX64),
    QINT8("QInt8Storage", null, 1),
    QUINT8("QUInt8Storage", null, 1),
    QINT32("QInt32Storage", null, 4),
    QUINT4X2("QUInt4x2Storage", null, 1),
    QUINT2X4("QUInt2x4Storage", null, 1);

    private static final StorageType[] TYPES = values();
    private static final Map<String, StorageType> BY_NAME = new HashMap<>();

    static {
        for (StorageType type : TYPES) {
            BY_NAME.put("torch." + type.className, type);
            BY_NAME.put("torch.cuda." + type.className, type);
            BY_NAME.put("torch.storage." + type.className, type);
        }
        BY_NAME.put("torch.storage._UntypedStorage", UNTYPED);
    }

    private final String className;
    private final Dtype dtype;
    private final int elementBytes;

    StorageType(String className, Dtype dtype) {
        this(className, dtype, dtype.bytes());
    }

    StorageType(String className, Dtype dtype, int elementBytes) {
        this.className = className;
        this.dtype = dtype;
        this.elementBytes = elementBytes;
    }

    /** The type with this {@code module.name}, or null. */
    static StorageType find(String globalName) {
        return BY_NAME.get(globalName);
    }

    static StorageType of(int ordinal) {
        return TYPES[ordinal];
    }

    /** {@code torch.FloatStorage} and the like. */
    String globalName() {
        return "torch." + className;
    }

    /** The element type, or null where the tensor gives it or there is none here. */
    Dtype dtype() {
        return dtype;
    }

    /** Bytes of what the persistent id counts. */
    int elementBytes() {
        return elementBytes;
    }
}
