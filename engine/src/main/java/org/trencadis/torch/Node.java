package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Value;

/**
 * One value of an unpickled tree: a transient cursor over the file's tape. Nothing is a live object.
 *
 * <p>The {@code as…} methods throw a {@link org.trencadis.format.FormatException.Corrupt} that names file, path and kinds
 * when the value is of another kind.
 */
public final class Node {
    /** What a node is. Dictionaries of any class are DICT, torch.Size is a TUPLE, parameters are TENSORs. */
    public enum Kind {
        NONE,
        BOOL,
        INT,
        REAL,
        TEXT,
        BYTES,
        LIST,
        TUPLE,
        SET,
        DICT,
        /** The name of a class, function or constant, as {@code torch.float16}. */
        GLOBAL,
        /** What a pickle would have built: a global, its arguments, its state. */
        OBJECT,
        TENSOR
    }

    /** Receives the entries of a dictionary in their order. */
    @FunctionalInterface
    public interface EntrySink {
        void accept(Node key, Node value) throws IOException;
    }

    /** How a node was reached from its parent, where not by the key that is its step. */
    private static final int BY_KEY = -1;

    private static final int BY_NAME = -2;

    private final TorchFile file;
    private final long word;
    private final Node parent;
    /** The item's index, or {@link #BY_KEY}, {@link #BY_NAME}. */
    private final int index;

    /** The word of the key, for {@link #path}. */
    private final long keyWord;

    private final String name;

    private Node(TorchFile file, long word, Node parent, int index, long keyWord, String name) {
        this.file = file;
        this.word = word;
        this.parent = parent;
        this.index = index;
        this.keyWord = keyWord;
        this.name = name;
    }

    static Node root(TorchFile file) {
        return new Node(file, file.tree().root(), null, BY_NAME, Word.NONE, "");
    }

    /** Another value of the same tree, which calls itself {@code name} below this one in messages. */
    Node at(long otherWord, String otherName) {
        return child(otherWord, otherName);
    }

    private Node child(long childWord, String childName) {
        return new Node(file, childWord, this, BY_NAME, Word.NONE, childName);
    }

    long word() {
        return word;
    }

    TorchFile torchFile() {
        return file;
    }

    public Kind kind() {
        return TreeWords.kind(word);
    }

    public boolean isNone() {
        return word == Word.NONE;
    }

    public boolean asBool() throws IOException {
        require(Kind.BOOL);
        return word == Word.TRUE;
    }

    /** A whole number, or a zero-dimensional integer or float tensor read from the file, that fits a long. */
    public long asLong() throws IOException {
        if (Word.tag(word) == Word.INT) {
            return Word.payload(word);
        }
        if (kind() == Kind.TENSOR) {
            return TensorBytes.wholeNumber(this);
        }
        BigInteger value = asBigInteger();
        if (value.bitLength() > 63) {
            throw corrupt("a number fits 64 bits", "-2^63 to 2^63 - 1", value.bitLength() + 1 + " bits");
        }
        return value.longValue();
    }

    public BigInteger asBigInteger() throws IOException {
        require(Kind.INT);
        return tree().scalars().integer(word);
    }

    /** A float or a whole number, or a zero-dimensional tensor read from the file. */
    public double asReal() throws IOException {
        return switch (kind()) {
            case INT -> asBigInteger().doubleValue();
            case TENSOR -> TensorBytes.number(this);
            default -> {
                require(Kind.REAL);
                yield tree().scalars().real(word);
            }
        };
    }

    public String asText() throws IOException {
        require(Kind.TEXT);
        return tree().symbols().text((int) Word.payload(word));
    }

    public byte[] asBytes() throws IOException {
        require(Kind.BYTES);
        return tree().scalars().bytes(word, tree().bytes());
    }

    /** Items of a list, tuple or set, entries of a dictionary. */
    public int size() throws IOException {
        return switch (kind()) {
            case LIST, TUPLE, SET -> tree().count(word);
            case DICT -> tree().count(word) / 2;
            default -> throw wrongKind("LIST, TUPLE, SET or DICT");
        };
    }

    /** Item {@code index} of a list, tuple or set. */
    public Node item(int itemIndex) throws IOException {
        Kind kind = kind();
        if (kind != Kind.LIST && kind != Kind.TUPLE && kind != Kind.SET) {
            throw wrongKind("LIST, TUPLE or SET");
        }
        int count = tree().count(word);
        if (itemIndex < 0 || itemIndex >= count) {
            throw corrupt("an item of " + path(), "item " + itemIndex, count + " items");
        }
        return new Node(file, tree().item(word, itemIndex), this, itemIndex, Word.NONE, null);
    }

    public void forEachEntry(EntrySink sink) throws IOException {
        require(Kind.DICT);
        int count = tree().count(word);
        for (int i = 0; i < count; i += 2) {
            sink.accept(key(i / 2), value(i / 2));
        }
    }

    /** The key of entry {@code entry} of a dictionary. */
    public Node key(int entry) throws IOException {
        checkEntry(entry);
        return child(tree().item(word, 2 * entry), "key");
    }

    /** The value of entry {@code entry} of a dictionary. */
    public Node value(int entry) throws IOException {
        checkEntry(entry);
        return new Node(file, tree().item(word, 2 * entry + 1), this, BY_KEY, tree().item(word, 2 * entry), null);
    }

    private void checkEntry(int entry) throws IOException {
        require(Kind.DICT);
        if (entry < 0 || entry >= tree().count(word) / 2) {
            throw corrupt("an entry of a dictionary", "entry " + entry, tree().count(word) / 2 + " entries");
        }
    }

    /** The value under a text key of a dictionary, or null where the key is absent or this is no dictionary. */
    public Node find(String key) throws IOException {
        if (Word.tag(word) != Word.DICT) {
            return null;
        }
        int symbol = tree().symbols().find(key);
        return symbol < 0 ? null : findWord(Word.of(Word.TEXT, symbol));
    }

    /** The value under a whole-number key of a dictionary, or null. */
    public Node find(long key) throws IOException {
        return Word.tag(word) != Word.DICT || !Word.fitsInt(key) ? null : findWord(Word.of(Word.INT, key));
    }

    private Node findWord(long key) throws IOException {
        int entry = file.indexes().find(word, key);
        return entry < 0 ? null : value(entry);
    }

    /** {@link #find} that must succeed: Corrupt, naming the path and the missing key, otherwise. */
    public Node get(String key) throws IOException {
        require(Kind.DICT);
        Node found = find(key);
        if (found == null) {
            throw corrupt("a dictionary has its key", path() + " has key " + key, "none");
        }
        return found;
    }

    /** {@code module.name} of a GLOBAL, or of an OBJECT's class; null for other kinds. */
    public String globalName() throws IOException {
        return TreeWords.globalName(tree(), word);
    }

    /** What an OBJECT would have called: most often a GLOBAL. */
    public Node callable() throws IOException {
        require(Kind.OBJECT);
        return child(isStorage() ? Word.NONE : tree().records().callable(word), "class");
    }

    /** The arguments of an OBJECT, a TUPLE. */
    public Node arguments() throws IOException {
        require(Kind.OBJECT);
        return child(isStorage() ? Word.EMPTY_TUPLE : tree().records().arguments(word), "arguments");
    }

    /**
     * The state of an OBJECT, often a DICT of attributes; a NONE node where it has none. Also attributes that were set on a
     * DICT or TENSOR.
     */
    public Node state() throws IOException {
        int tag = Word.tag(word);
        boolean hasState = tag == Word.OBJECT || tag == Word.DICT || tag == Word.TENSOR;
        if (!hasState && !isStorage()) {
            throw wrongKind("OBJECT, DICT or TENSOR");
        }
        return child(hasState ? tree().records().state(word) : Word.NONE, "state");
    }

    /** The LIST of what was appended to an OBJECT; a NONE node where nothing was. */
    public Node appended() throws IOException {
        require(Kind.OBJECT);
        return child(isStorage() ? Word.NONE : tree().records().appended(word), "items");
    }

    /** The DICT of the entries that were set on an OBJECT; a NONE node where none were. */
    public Node entries() throws IOException {
        require(Kind.OBJECT);
        return child(isStorage() ? Word.NONE : tree().records().entries(word), "entries");
    }

    public TorchTensor asTensor() throws IOException {
        require(Kind.TENSOR);
        return tree().tensors().locate(word, file.isBigEndian(), place());
    }

    /**
     * This tree as an inert value: tensors of at most {@code maxTensorBytes} are read and kept inline, larger ones become a
     * text note of dtype and shape. Shared references become {@link Value.Shared}.
     */
    public Value toValue(long maxTensorBytes) throws IOException {
        return toValue(maxTensorBytes, new ValueBudget());
    }

    /**
     * The same, within what is left of {@code budget}.
     *
     * @throws FormatException.Unsupported where that is not enough: references repeat what they refer to
     */
    public Value toValue(long maxTensorBytes, ValueBudget budget) throws IOException {
        return new TreeValues(maxTensorBytes, budget).value(this, 0);
    }

    /**
     * Which list, tuple, dictionary, tensor or object this is: equal for nodes that are one object of the pickle, and only
     * for them. Of other kinds, equal ones may be several objects of equal value.
     */
    public long identity() {
        return word;
    }

    /** Where this node stands: {@code file: optimizer_state_dict.group_paddings[0]}, for messages. */
    public String path() {
        return file.file() + ": " + NodePath.of(this);
    }

    Node parent() {
        return parent;
    }

    /** The step to this node from its parent, with its separator. */
    String step() throws IOException {
        if (index >= 0) {
            return "[" + index + "]";
        }
        if (index == BY_NAME) {
            return "<" + name + ">";
        }
        Node key = new Node(file, keyWord, null, BY_NAME, Word.NONE, "");
        return switch (key.kind()) {
            case TEXT -> "." + key.asText();
            case INT -> "[" + key.asBigInteger() + "]";
            default -> "[" + key.kind() + "]";
        };
    }

    Place place() {
        return new Place(
                file.file().toString(), NodePath.of(this), tree().bytes().start());
    }

    FormatException.Corrupt corrupt(String rule, Object expected, Object actual) {
        return new FormatException.Corrupt(rule, expected, actual, place());
    }

    private FormatException wrongKind(String expected) {
        return corrupt("a value is of the kind that its place asks for", expected, kind());
    }

    private void require(Kind expected) throws IOException {
        if (kind() != expected) {
            throw wrongKind(expected.name());
        }
    }

    /** Whether an OBJECT is a storage that no tensor was made of. */
    boolean isStorage() {
        return Word.tag(word) == Word.STORAGE;
    }

    PickleTree tree() {
        return file.tree();
    }
}
