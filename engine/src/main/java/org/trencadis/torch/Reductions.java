package org.trencadis.torch;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * What a pickle's calls mean: for an allow-list of names a container, bytes or a tensor, for every other callable an
 * inert object. Nothing is called.
 */
final class Reductions {
    private enum Meaning {
        OBJECT,
        DICT,
        DEFAULT_DICT,
        LIST,
        SET,
        FROZEN_SET,
        SIZE,
        BYTES,
        ENCODE,
        TENSOR_V1,
        TENSOR_V2,
        TENSOR_V3,
        PARAMETER,
        PARAMETER_WITH_STATE,
        FROM_TYPE
    }

    private static final int CACHE = 256;
    private static final int BATCH = 1024;
    private static final int MAX_ENCODED_BYTES = 16 << 20;

    private static final Map<String, Meaning> MEANINGS = Map.ofEntries(
            Map.entry("collections.OrderedDict", Meaning.DICT),
            Map.entry("collections.Counter", Meaning.DICT),
            Map.entry("collections.defaultdict", Meaning.DEFAULT_DICT),
            Map.entry("builtins.dict", Meaning.DICT),
            Map.entry("__builtin__.dict", Meaning.DICT),
            Map.entry("builtins.list", Meaning.LIST),
            Map.entry("__builtin__.list", Meaning.LIST),
            Map.entry("builtins.set", Meaning.SET),
            Map.entry("__builtin__.set", Meaning.SET),
            Map.entry("builtins.frozenset", Meaning.FROZEN_SET),
            Map.entry("__builtin__.frozenset", Meaning.FROZEN_SET),
            Map.entry("builtins.bytes", Meaning.BYTES),
            Map.entry("__builtin__.bytes", Meaning.BYTES),
            Map.entry("builtins.bytearray", Meaning.BYTES),
            Map.entry("__builtin__.bytearray", Meaning.BYTES),
            Map.entry("_codecs.encode", Meaning.ENCODE),
            Map.entry("torch.Size", Meaning.SIZE),
            Map.entry("torch._utils._rebuild_tensor", Meaning.TENSOR_V1),
            Map.entry("torch._utils._rebuild_tensor_v2", Meaning.TENSOR_V2),
            Map.entry("torch._utils._rebuild_tensor_v3", Meaning.TENSOR_V3),
            Map.entry("torch._utils._rebuild_parameter", Meaning.PARAMETER),
            Map.entry("torch._utils._rebuild_parameter_with_state", Meaning.PARAMETER_WITH_STATE),
            Map.entry("torch._tensor._rebuild_from_type_v2", Meaning.FROM_TYPE));

    private final PickleTree tree;
    private final Records records;
    private final Dictionaries dictionaries;
    /** Meanings that were looked up, at the low bits of their global; a pickle has few. */
    private final Meaning[] meanings = new Meaning[CACHE];

    private final int[] cachedGlobals = new int[CACHE];

    Reductions(PickleTree tree, Dictionaries dictionaries) {
        this.tree = tree;
        this.records = tree.records();
        this.dictionaries = dictionaries;
    }

    /** The value of {@code callable(*arguments)}. */
    long reduce(PickleInput in, long callable, long arguments) throws IOException {
        if (!Word.isTuple(arguments)) {
            throw in.corrupt("what is called has a tuple of arguments", "tuple", "another value");
        }
        Meaning meaning = Word.tag(callable) == Word.GLOBAL ? meaning((int) Word.payload(callable)) : Meaning.OBJECT;
        long known = meaning == Meaning.OBJECT ? -1 : understand(in, meaning, arguments);
        return known != -1 ? known : records.newObject(callable, arguments);
    }

    private Meaning meaning(int global) throws IOException {
        int slot = global % CACHE;
        if (meanings[slot] == null || cachedGlobals[slot] != global) {
            meanings[slot] = MEANINGS.getOrDefault(tree.symbols().globalName(global), Meaning.OBJECT);
            cachedGlobals[slot] = global;
        }
        return meanings[slot];
    }

    /** The value, or -1 where these arguments make an inert object. */
    private long understand(PickleInput in, Meaning meaning, long arguments) throws IOException {
        int count = tree.count(arguments);
        long first = count > 0 ? tree.item(arguments, 0) : Word.NONE;
        return switch (meaning) {
            case DICT -> count == 0 ? records.newContainer(Word.DICT) : count == 1 ? dictionary(first) : -1;
            case DEFAULT_DICT ->
                count <= 1 ? records.newContainer(Word.DICT) : count == 2 ? dictionary(tree.item(arguments, 1)) : -1;
            case LIST -> count == 0 ? records.newContainer(Word.LIST) : count == 1 ? copy(Word.LIST, first) : -1;
            case SET -> count == 0 ? records.newContainer(Word.SET) : count == 1 ? copy(Word.SET, first) : -1;
            case FROZEN_SET -> {
                long set = understand(in, Meaning.SET, arguments);
                if (set != -1) {
                    records.freeze(set);
                }
                yield set;
            }
            case SIZE -> count == 1 && Word.isTuple(first) ? first : -1;
            case BYTES -> bytes(in, arguments, count, first);
            case ENCODE -> count == 2 ? encode(in, first, tree.item(arguments, 1)) : -1;
            case TENSOR_V1 -> tensor(in, TensorForm.V1, arguments, Word.NONE);
            case TENSOR_V2 -> tensor(in, TensorForm.V2, arguments, Word.NONE);
            case TENSOR_V3 -> tensor(in, TensorForm.V3, arguments, Word.NONE);
            case PARAMETER -> count >= 1 && Word.tag(first) == Word.TENSOR ? withState(first, Word.NONE) : -1;
            case PARAMETER_WITH_STATE ->
                count == 4 && Word.tag(first) == Word.TENSOR ? withState(first, tree.item(arguments, 3)) : -1;
            case FROM_TYPE -> count == 4 ? fromType(in, arguments) : -1;
            case OBJECT -> -1;
        };
    }

    /** A dictionary of another one, or of pairs. */
    private long dictionary(long source) throws IOException {
        int tag = Word.tag(source);
        if (tag != Word.DICT && tag != Word.LIST && !Word.isTuple(source)) {
            return -1;
        }
        int count = tree.count(source);
        long dict = records.newContainer(Word.DICT);
        long[] entries = new long[2 * Math.min(count, BATCH)];
        int filled = 0;
        for (int i = 0; i < count; i++) {
            long item = tree.item(source, i);
            if (tag == Word.DICT) {
                entries[filled++] = item;
            } else if ((Word.tag(item) == Word.LIST || Word.isTuple(item)) && tree.count(item) == 2) {
                entries[filled++] = tree.item(item, 0);
                entries[filled++] = tree.item(item, 1);
            } else {
                return -1;
            }
            if (filled == entries.length) {
                dictionaries.put(dict, entries, 0, filled);
                filled = 0;
            }
        }
        dictionaries.put(dict, entries, 0, filled);
        return dict;
    }

    private long copy(int tag, long source) throws IOException {
        if (Word.tag(source) != Word.LIST && Word.tag(source) != Word.SET && !Word.isTuple(source)) {
            return -1;
        }
        int count = tree.count(source);
        long copy = records.newContainer(tag);
        long[] items = new long[Math.min(count, BATCH)];
        for (int done = 0; done < count; ) {
            int part = Math.min(items.length, count - done);
            for (int i = 0; i < part; i++) {
                items[i] = tree.item(source, done + i);
            }
            records.append(copy, items, 0, part);
            done += part;
        }
        return copy;
    }

    private long bytes(PickleInput in, long arguments, int count, long first) throws IOException {
        if (count == 0) {
            return tree.scalars().newBytes(in.position(), 0);
        }
        if (Word.tag(first) == Word.BYTES) {
            return first;
        }
        return count == 2 ? encode(in, first, tree.item(arguments, 1)) : -1;
    }

    /** Bytes that the older protocols spell as text. */
    private long encode(PickleInput in, long text, long encoding) throws IOException {
        if (Word.tag(text) != Word.TEXT || Word.tag(encoding) != Word.TEXT) {
            return -1;
        }
        String name = tree.symbols().text((int) Word.payload(encoding));
        if (!name.equals("latin1") && !name.equals("latin-1")) {
            return -1;
        }
        int length = tree.symbols().lengthBytes((int) Word.payload(text));
        if (length > MAX_ENCODED_BYTES) {
            throw in.unsupported("bytes that are spelled as text are few", MAX_ENCODED_BYTES, length);
        }
        String decoded = tree.symbols().text((int) Word.payload(text));
        byte[] bytes = decoded.getBytes(StandardCharsets.ISO_8859_1);
        if (decoded.chars().anyMatch(c -> c > 0xFF)) {
            throw in.corrupt("text that stands for bytes is Latin-1", "U+0000 to U+00FF", "others");
        }
        return tree.scalars().newBytes(bytes);
    }

    private long tensor(PickleInput in, TensorForm form, long arguments, long state) throws IOException {
        if (!tree.tensors().hasKnownDtype(form, arguments)) {
            return -1;
        }
        tree.tensors().check(form, arguments, in.place());
        return records.newTensor(form, arguments, state);
    }

    private long withState(long tensor, long state) throws IOException {
        return state == Word.NONE
                ? tensor
                : records.newTensor(records.tensorForm(tensor), records.tensorArguments(tensor), state);
    }

    /** {@code (function, type, arguments, state)}: a tensor that is an object with attributes. */
    private long fromType(PickleInput in, long arguments) throws IOException {
        long function = tree.item(arguments, 0);
        long inner = tree.item(arguments, 2);
        if (Word.tag(function) != Word.GLOBAL || !Word.isTuple(inner)) {
            return -1;
        }
        Meaning meaning = meaning((int) Word.payload(function));
        if (meaning == Meaning.FROM_TYPE || meaning == Meaning.OBJECT) {
            return -1;
        }
        long tensor = understand(in, meaning, inner);
        return tensor != -1 && Word.tag(tensor) == Word.TENSOR ? withState(tensor, tree.item(arguments, 3)) : -1;
    }
}
