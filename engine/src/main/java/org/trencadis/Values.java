package org.trencadis;

import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;

/** Values that are no tensors, as a person reads them: Python's notation, lists and tuples alike. */
public final class Values {
    /** Bytes of a blob that are printed. */
    private static final int MAX_BLOB_BYTES = 32;

    private Values() {}

    /** {@code value} on one line. Equal values print alike, different ones do not, large blobs apart. */
    public static String print(Value value) {
        return switch (value) {
            case Value.None none -> "None";
            case Value.Bool bool -> bool.value() ? "True" : "False";
            case Value.Int number -> number.value().toString();
            case Value.Real real -> Double.toString(real.value());
            case Value.Text text -> "'" + text.value() + "'";
            case Value.Blob blob -> printBlob(blob.value());
            case Value.Sequence list -> printList(list.items());
            case Value.Tuple tuple -> printList(tuple.items());
            case Value.Mapping mapping ->
                mapping.entries().stream()
                        .map(entry -> print(entry.key()) + ": " + print(entry.value()))
                        .collect(Collectors.joining(", ", "{", "}"));
            case Value.Global global -> global.module() + "." + global.name();
            case Value.Instance instance -> printInstance(instance);
            case Value.Tensor tensor -> printTensor(tensor);
            case Value.Shared shared -> "<object " + shared.ordinal() + ">";
        };
    }

    private static String printList(List<Value> items) {
        return items.stream().map(Values::print).collect(Collectors.joining(", ", "[", "]"));
    }

    private static String printBlob(byte[] bytes) {
        int shown = Math.min(bytes.length, MAX_BLOB_BYTES);
        return "<" + bytes.length + " bytes " + HexFormat.of().formatHex(bytes, 0, shown)
                + (shown < bytes.length ? "…>" : ">");
    }

    private static String printInstance(Value.Instance instance) {
        String text = print(instance.callable()) + print(instance.arguments());
        return instance.state() instanceof Value.None ? text : text + " with " + print(instance.state());
    }

    private static String printTensor(Value.Tensor tensor) {
        Dtype dtype = Dtype.find(tensor.dtypeCode());
        String type = dtype == null ? "type " + tensor.dtypeCode() : dtype.torchName();
        return "tensor(" + type + " " + tensor.shape() + " "
                + printBlob(tensor.bytes().value()) + ")";
    }
}
