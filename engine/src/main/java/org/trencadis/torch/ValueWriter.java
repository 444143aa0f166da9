package org.trencadis.torch;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.Value;

/** Pickles one inert value; its shared parts are written once. */
final class ValueWriter {
    private static final int UNFINISHED = -1;
    /** Python has one empty tuple, which is written anew each time. */
    private static final int EMPTY_TUPLE = -2;

    private final Pickler pickler;
    /** Memo number of each container, by the order of their start. */
    private final List<Integer> memo = new ArrayList<>();

    ValueWriter(Pickler pickler) {
        this.pickler = pickler;
    }

    /**
     * Writes {@code value}.
     *
     * @throws IllegalArgumentException where {@link Emittable#clean} would have left something out
     */
    void write(Value value) throws IOException {
        switch (value) {
            case Value.None none -> pickler.none();
            case Value.Bool bool -> pickler.bool(bool.value());
            case Value.Int number -> pickler.integer(number.value());
            case Value.Real real -> pickler.real(real.value());
            case Value.Text text -> pickler.text(text.value());
            case Value.Blob blob -> pickler.bytes(blob.value());
            case Value.Global global -> pickler.constant(global.module(), global.name());
            case Value.Tensor tensor -> pickler.tensor(tensor);
            case Value.Sequence list -> {
                memo.add(pickler.startList());
                pickler.endItems(list.items().size(), () -> writeAll(list.items()), Opcode.APPEND, Opcode.APPENDS);
            }
            case Value.Tuple tuple -> {
                int number = start();
                pickler.startTuple(tuple.items().size());
                writeAll(tuple.items());
                int made = pickler.endTuple(tuple.items().size());
                memo.set(number, tuple.items().isEmpty() ? EMPTY_TUPLE : made);
            }
            case Value.Mapping mapping -> {
                memo.add(pickler.startDict());
                pickler.endItems(
                        mapping.entries().size(), () -> writeEntries(mapping), Opcode.SETITEM, Opcode.SETITEMS);
            }
            case Value.Instance instance -> instance(instance);
            case Value.Shared shared -> shared(shared);
        }
    }

    private int start() {
        memo.add(UNFINISHED);
        return memo.size() - 1;
    }

    private void writeAll(List<Value> items) throws IOException {
        for (Value item : items) {
            write(item);
        }
    }

    private void writeEntries(Value.Mapping mapping) throws IOException {
        for (Value.Entry entry : mapping.entries()) {
            write(entry.key());
            write(entry.value());
        }
    }

    private void instance(Value.Instance instance) throws IOException {
        int number = start();
        if (!(instance.callable() instanceof Value.Global global)
                || !(instance.arguments() instanceof Value.Tuple arguments)) {
            throw new IllegalArgumentException("an object that is written calls a name with a tuple");
        }
        EmittedGlobals.Use use = EmittedGlobals.find(global.module(), global.name());
        if (use != EmittedGlobals.Use.CALL && use != EmittedGlobals.Use.NEW) {
            throw new IllegalArgumentException(global.module() + "." + global.name() + " may not be called");
        }
        pickler.global(global.module(), global.name());
        write(arguments);
        memo.set(number, pickler.endObject(use == EmittedGlobals.Use.NEW ? Opcode.NEWOBJ : Opcode.REDUCE));
        if (!(instance.state() instanceof Value.None)) {
            write(instance.state());
            pickler.build();
        }
    }

    private void shared(Value.Shared shared) {
        int number = shared.ordinal() < memo.size() ? memo.get((int) shared.ordinal()) : UNFINISHED;
        if (number == UNFINISHED) {
            throw new IllegalArgumentException("value " + shared.ordinal() + " is referred to before it is made");
        }
        if (number == EMPTY_TUPLE) {
            pickler.endTuple(0);
        } else {
            pickler.get(number);
        }
    }
}
