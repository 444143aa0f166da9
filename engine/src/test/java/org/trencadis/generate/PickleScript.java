package org.trencadis.generate;

import java.io.ByteArrayOutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Writes pickles the plain way: every value in full, no memo. It shares nothing with the engine, so that what the engine
 * reads was not written by the engine.
 */
final class PickleScript {
    /** A tuple. */
    record Tuple(List<?> items) {
        static Tuple of(Object... items) {
            return new Tuple(List.of(items));
        }
    }

    /** The name of a class or function. */
    record Global(String module, String name) {}

    /** {@code callable(*arguments)}, with a state set on the result where {@code state} is not null. */
    record Call(Global callable, Tuple arguments, Object state) {}

    /** An object whose class is a kind of list or dictionary: what is appended to it and the entries that are set. */
    record Filled(Call object, List<?> appended, Map<?, ?> entries) {}

    /** A persistent id. */
    record Persistent(Tuple id) {}

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private PickleScript() {}

    static byte[] pickle(Object value) {
        PickleScript script = new PickleScript();
        script.out.write(0x80);
        script.out.write(2);
        script.write(value);
        script.out.write('.');
        return script.out.toByteArray();
    }

    private void write(Object value) {
        switch (value) {
            case null -> out.write('N');
            case Boolean flag -> out.write(flag ? 0x88 : 0x89);
            case Integer number -> number(number);
            case Long number -> number(number);
            case Double real -> {
                out.write('G');
                out.writeBytes(ByteBuffer.allocate(8).putDouble(real).array());
            }
            case String text -> {
                byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
                out.write('X');
                littleEndian(bytes.length, 4);
                out.writeBytes(bytes);
            }
            case List<?> list -> {
                out.write(']');
                items(list, 'e');
            }
            case Tuple tuple -> items(tuple.items(), 't');
            case Map<?, ?> map -> {
                out.write('}');
                entries(map);
            }
            case Global global -> {
                out.write('c');
                out.writeBytes((global.module() + "\n" + global.name() + "\n").getBytes(StandardCharsets.UTF_8));
            }
            case Call call -> {
                write(call.callable());
                write(call.arguments());
                out.write('R');
                state(call);
            }
            case Filled filled -> {
                write(new Call(filled.object().callable(), filled.object().arguments(), null));
                items(filled.appended(), 'e');
                entries(filled.entries());
                state(filled.object());
            }
            case Persistent persistent -> {
                write(persistent.id());
                out.write('Q');
            }
            case StoredTensor tensor -> write(tensor.reduction());
            default -> throw new UncheckedIOException(new java.io.IOException("cannot pickle " + value.getClass()));
        }
    }

    private void items(List<?> items, int end) {
        out.write('(');
        items.forEach(this::write);
        out.write(end);
    }

    private void entries(Map<?, ?> map) {
        out.write('(');
        map.forEach((key, entry) -> {
            write(key);
            write(entry);
        });
        out.write('u');
    }

    private void state(Call call) {
        if (call.state() != null) {
            write(call.state());
            out.write('b');
        }
    }

    private void number(long number) {
        if (number >= Integer.MIN_VALUE && number <= Integer.MAX_VALUE) {
            out.write('J');
            littleEndian(number, 4);
        } else {
            out.write(0x8a);
            out.write(8);
            littleEndian(number, 8);
        }
    }

    private void littleEndian(long number, int bytes) {
        byte[] all = ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(number)
                .array();
        out.write(all, 0, bytes);
    }
}
