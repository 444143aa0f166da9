package org.trencadis.torch;

import java.io.IOException;
import org.trencadis.format.Value;
import org.trencadis.torch.Node.Kind;

/** What a word of a tree is, whatever led to it: its kind, its name, its length. */
final class TreeWords {
    private TreeWords() {}

    /** The kind of the value that a word is. */
    static Kind kind(long word) {
        return switch (Word.tag(word)) {
            case Word.CONSTANT -> word == Word.NONE ? Kind.NONE : word == Word.EMPTY_TUPLE ? Kind.TUPLE : Kind.BOOL;
            case Word.INT, Word.BIG -> Kind.INT;
            case Word.REAL -> Kind.REAL;
            case Word.TEXT -> Kind.TEXT;
            case Word.BYTES -> Kind.BYTES;
            case Word.GLOBAL -> Kind.GLOBAL;
            case Word.TUPLE -> Kind.TUPLE;
            case Word.LIST -> Kind.LIST;
            case Word.DICT -> Kind.DICT;
            case Word.SET -> Kind.SET;
            case Word.TENSOR -> Kind.TENSOR;
            default -> Kind.OBJECT;
        };
    }

    /** {@code module.name} of a GLOBAL, or of an OBJECT's class; null for other kinds. */
    static String globalName(PickleTree tree, long word) throws IOException {
        long named = word;
        while (Word.tag(named) == Word.OBJECT) {
            named = tree.records().callable(named);
        }
        int number = (int) Word.payload(named);
        return switch (Word.tag(named)) {
            case Word.GLOBAL -> tree.symbols().globalName(number);
            case Word.STORAGE -> tree.storages().type(number).globalName();
            default -> null;
        };
    }

    /** The module and the name of a GLOBAL; null for other kinds. */
    static Value.Global global(PickleTree tree, long word) throws IOException {
        if (Word.tag(word) != Word.GLOBAL) {
            return null;
        }
        Symbols symbols = tree.symbols();
        int number = (int) Word.payload(word);
        return new Value.Global(symbols.text(symbols.module(number)), symbols.text(symbols.name(number)));
    }

    /** Bytes that a text, a name or bytes take; 0 for other kinds. */
    static long inlineBytes(PickleTree tree, long word) {
        int number = (int) Word.payload(word);
        Symbols symbols = tree.symbols();
        return switch (Word.tag(word)) {
            case Word.GLOBAL ->
                (long) symbols.lengthBytes(symbols.module(number)) + symbols.lengthBytes(symbols.name(number));
            case Word.TEXT -> symbols.lengthBytes(number);
            case Word.BYTES -> tree.scalars().bytesCount(word);
            default -> 0;
        };
    }

    /** Whether a SET can no longer change. */
    static boolean isFrozen(PickleTree tree, long word) {
        return Word.tag(word) == Word.SET && tree.records().isFrozen(word);
    }
}
