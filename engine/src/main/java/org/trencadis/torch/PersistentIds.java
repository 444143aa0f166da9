package org.trencadis.torch;

import java.io.IOException;

/** The persistent ids of torch: {@code ('storage', class, key, location, count)}, in the old format with a view. */
final class PersistentIds {
    private final PickleTree tree;

    PersistentIds(PickleTree tree) {
        this.tree = tree;
    }

    /** The storage that {@code id} names. */
    long storage(PickleInput in, long id) throws IOException {
        int count = Word.isTuple(id) ? tree.count(id) : 0;
        if (count < 5 || count > 6 || !isText(id, 0) || !text(id, 0).equals("storage")) {
            throw in.corrupt("a persistent id names a storage", "('storage', class, key, location, count)", "other");
        }
        long classWord = tree.item(id, 1);
        if (Word.tag(classWord) != Word.GLOBAL || !isText(id, 2)) {
            throw in.corrupt("a storage has a class and a key", "a global and a text", "other values");
        }
        String className = tree.symbols().globalName((int) Word.payload(classWord));
        StorageType type = StorageType.find(className);
        if (type == null) {
            throw in.unsupported("a storage class of torch", "torch.FloatStorage and the like", className);
        }
        int key = (int) Word.payload(tree.item(id, 2));
        int storage = tree.storages().storage(in, key, type, count(in, tree.item(id, 4)));
        if (count == 6 && tree.item(id, 5) != Word.NONE) {
            storage = view(in, storage, tree.item(id, 5));
        }
        return Word.of(Word.STORAGE, storage);
    }

    /** {@code (view key, offset, count)} in elements of the storage. */
    private int view(PickleInput in, int storage, long view) throws IOException {
        if (!Word.isTuple(view) || tree.count(view) != 3) {
            throw in.corrupt("a view has key, offset and count", "3 items", "other");
        }
        return tree.storages().view(in, storage, count(in, tree.item(view, 1)), count(in, tree.item(view, 2)));
    }

    private static long count(PickleInput in, long word) throws IOException {
        if (Word.tag(word) != Word.INT || Word.payload(word) < 0) {
            throw in.corrupt("a storage's count is not negative", "a whole number from 0", "other");
        }
        return Word.payload(word);
    }

    private boolean isText(long tuple, int index) {
        return Word.tag(tree.item(tuple, index)) == Word.TEXT;
    }

    private String text(long tuple, int index) throws IOException {
        return tree.symbols().text((int) Word.payload(tree.item(tuple, index)));
    }
}
