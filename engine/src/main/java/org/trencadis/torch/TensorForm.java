package org.trencadis.torch;

/** The function of {@code torch._utils} that a dense tensor's arguments are for. */
enum TensorForm {
    /** {@code _rebuild_tensor(storage, offset, size, stride)}. */
    V1(4, -1, -1),
    /** {@code _rebuild_tensor_v2(…, requires_grad, hooks, metadata)}. */
    V2(6, -1, 6),
    /** {@code _rebuild_tensor_v3(…, requires_grad, hooks, dtype, metadata)}. */
    V3(7, 6, 7);

    private static final TensorForm[] FORMS = values();

    private final int leastArguments;
    private final int dtypeArgument;
    private final int metadataArgument;

    TensorForm(int leastArguments, int dtypeArgument, int metadataArgument) {
        this.leastArguments = leastArguments;
        this.dtypeArgument = dtypeArgument;
        this.metadataArgument = metadataArgument;
    }

    static TensorForm of(int ordinal) {
        return FORMS[ordinal];
    }

    int leastArguments() {
        return leastArguments;
    }

    int mostArguments() {
        return Math.max(leastArguments, metadataArgument + 1);
    }

    /** Position of the dtype, or -1 where the storage gives it. */
    int dtypeArgument() {
        return dtypeArgument;
    }

    /** Position of the dictionary of lazy bits, or -1. */
    int metadataArgument() {
        return metadataArgument;
    }
}
