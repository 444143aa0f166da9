package org.trencadis.tools;

import java.io.IOException;
import java.math.BigInteger;
import org.trencadis.Values;
import org.trencadis.format.Value;

/** Values that are no tensors as JSON: mappings with text keys as objects, blobs in hexadecimal, the rest as text. */
final class ValueJson {
    private ValueJson() {}

    static void field(Json json, String name, Value value) throws IOException {
        switch (value) {
            case Value.None none -> json.field(name, (String) null);
            case Value.Bool bool -> json.field(name, bool.value());
            case Value.Int number -> field(json, name, number.value());
            case Value.Real real -> json.field(name, real.value());
            case Value.Text text -> json.field(name, text.value());
            case Value.Blob blob -> json.field(name, blob.value());
            case Value.Sequence list -> json.array(name, () -> items(json, list.items()));
            case Value.Tuple tuple -> json.array(name, () -> items(json, tuple.items()));
            case Value.Mapping mapping -> json.object(name, () -> fields(json, mapping));
            default -> json.field(name, Values.print(value));
        }
    }

    /** A whole number, as text where it is beyond 64 bits. */
    private static void field(Json json, String name, BigInteger number) {
        if (number.bitLength() < Long.SIZE) {
            json.field(name, number.longValueExact());
        } else {
            json.field(name, number.toString());
        }
    }

    private static void item(Json json, BigInteger number) {
        if (number.bitLength() < Long.SIZE) {
            json.item(number.longValueExact());
        } else {
            json.item(number.toString());
        }
    }

    /** A number, as text where it is none that JSON has. */
    private static void item(Json json, Value.Real real) {
        if (Double.isFinite(real.value())) {
            json.item(real.value());
        } else {
            json.item(Values.print(real));
        }
    }

    private static void fields(Json json, Value.Mapping mapping) throws IOException {
        for (Value.Entry entry : mapping.entries()) {
            String key = entry.key() instanceof Value.Text text ? text.value() : Values.print(entry.key());
            field(json, key, entry.value());
        }
    }

    private static void items(Json json, Iterable<Value> items) throws IOException {
        for (Value item : items) {
            switch (item) {
                case Value.Text text -> json.item(text.value());
                case Value.Int number -> item(json, number.value());
                case Value.Real real -> item(json, real);
                case Value.Mapping mapping -> json.item(() -> fields(json, mapping));
                case Value.Sequence list -> json.itemArray(() -> items(json, list.items()));
                case Value.Tuple tuple -> json.itemArray(() -> items(json, tuple.items()));
                default -> json.item(Values.print(item));
            }
        }
    }
}
