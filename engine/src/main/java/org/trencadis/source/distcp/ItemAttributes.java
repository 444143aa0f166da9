package org.trencadis.source.distcp;

import java.io.IOException;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.source.Nodes;
import org.trencadis.torch.FlatTree;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/** The attributes of the items that one metadata file lists. There may be millions, so texts are numbers here. */
final class ItemAttributes {
    private static final String ZSTD = "stream.zstd/1";

    private final DistMetadata metadata;
    private final FlatTree tree;
    private final long items;
    private final int fqn;
    private final int index;
    private final int offset;
    private final int path;
    private final int length;
    private final int transforms;

    ItemAttributes(DistMetadata metadata) throws IOException {
        this.metadata = metadata;
        this.tree = metadata.tree();
        this.items = metadata.items();
        this.fqn = tree.symbol("fqn");
        this.index = tree.symbol("index");
        this.offset = tree.symbol("offset");
        this.path = tree.symbol("relative_path");
        this.length = tree.symbol("length");
        this.transforms = tree.symbol("transform_descriptors");
    }

    int count() {
        return tree.count(items);
    }

    /** The text with this number. */
    String text(int symbol) throws IOException {
        return tree.text(symbol);
    }

    /** The symbol of the name of the entry that an item is of. */
    int name(int number) throws IOException {
        int symbol = FlatTree.textSymbol(tree.attribute(tree.key(items, number), fqn, 0));
        if (symbol < 0) {
            throw unexpected(metadata.itemKey(number), "a MetadataIndex has a text fqn");
        }
        return symbol;
    }

    /** The offsets of an item's chunk. */
    long[] offset(int number) throws IOException {
        long[] offsets = tree.numbers(tree.attribute(tree.key(items, number), offset, 2));
        if (offsets == null) {
            throw unexpected(
                    metadata.itemKey(number), "the MetadataIndex of a tensor has offsets that are whole numbers");
        }
        return offsets;
    }

    /** The number of an item's chunk, or -1 where it is not said. */
    long index(int number) {
        long word = tree.attribute(tree.key(items, number), index, 1);
        return FlatTree.isNumber(word) ? FlatTree.number(word) : -1;
    }

    /** The symbol of the path of the data file that an item is in. */
    int file(int number) throws IOException {
        int symbol = FlatTree.textSymbol(tree.attribute(tree.value(items, number), path, 0));
        if (symbol < 0) {
            throw unexpected(metadata.itemPlace(number), "a _StorageInfo has a text relative_path");
        }
        return symbol;
    }

    long offsetBytes(int number) throws IOException {
        return placeNumber(number, offset, 1);
    }

    long lengthBytes(int number) throws IOException {
        return placeNumber(number, length, 2);
    }

    private long placeNumber(int number, int attribute, int guess) throws IOException {
        long word = tree.attribute(tree.value(items, number), attribute, guess);
        if (!FlatTree.isNumber(word)) {
            throw unexpected(
                    metadata.itemPlace(number), "a _StorageInfo has offset and length, whole numbers below 2^59");
        }
        return FlatTree.number(word);
    }

    /** Whether an item is a zstd stream; other transforms are refused. */
    boolean isZstd(int number, String name) throws IOException {
        long word = tree.attribute(tree.value(items, number), transforms, 3);
        if (word == FlatTree.ABSENT || FlatTree.isNone(word) || tree.count(word) == 0) {
            return false;
        }
        Node list = tree.node(word, "transform_descriptors");
        if (!Nodes.isList(list)) {
            throw unexpected(metadata.itemPlace(number), "transform descriptors are a list");
        }
        if (list.size() == 1
                && list.item(0).kind() == Kind.TEXT
                && list.item(0).asText().equals(ZSTD)) {
            return true;
        }
        throw new FormatException.Unsupported(
                "the items of a save are plain or " + ZSTD,
                ZSTD,
                name + " with " + String.join(", ", Nodes.texts(list)),
                new Place(metadata.path().toString(), "storage_data", 0));
    }

    private FormatException.Corrupt unexpected(Node node, String rule) {
        return new FormatException.Corrupt(rule, "such", "others", new Place(node.path(), "storage_data", 0));
    }
}
