package org.trencadis.source.distcp;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.SavedEntry.Step;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Dtype;
import org.trencadis.torch.FlatTree;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;

/** One {@code .metadata} file: which entries there are, how tensors are cut into chunks, where each chunk's item lies. */
final class DistMetadata implements AutoCloseable {
    private static final String CLASS = ".Metadata";

    /** 64 MiB of boxes: two million fragments of matrices. */
    private static final long MAX_BOX_LONGS = 8 << 20;

    private final TorchFile file;
    private final FlatTree tree;
    private final Node entries;
    private final Node items;
    private final Node paths;
    private final String version;
    private long boxLongs;

    private DistMetadata(TorchFile file, Node entries, Node items, Node paths, String version) {
        this.file = file;
        this.tree = FlatTree.of(file);
        this.entries = entries;
        this.items = items;
        this.paths = paths;
        this.version = version;
    }

    /** Reads the pickle; the data files are not touched. */
    static DistMetadata open(Path metadata, FileCache cache) throws IOException {
        TorchFile file = TorchFile.openPickle(metadata, cache);
        try {
            Node root = file.root();
            String name = root.globalName();
            if (root.kind() != Kind.OBJECT || name == null || !name.endsWith(CLASS)) {
                throw new FormatException.Unsupported(
                        "a metadata file pickles torch.distributed.checkpoint's Metadata",
                        "torch.distributed.checkpoint.metadata.Metadata",
                        name == null ? root.kind() : name,
                        new Place(metadata.toString(), "pickle", 0));
            }
            Node fields = root.state();
            Node items = Nodes.findValue(fields, "storage_data");
            if (items == null || items.kind() != Kind.DICT) {
                throw new SourceException(
                        metadata + " says the shapes of tensors but not where they lie (storage_data is"
                                + " missing); it was not written by a file system writer");
            }
            Node paths = Nodes.findValue(fields, "planner_data");
            return new DistMetadata(
                    file,
                    fields.get("state_dict_metadata"),
                    items,
                    paths != null && paths.kind() == Kind.DICT ? paths : null,
                    Nodes.findText(fields, "version"));
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    Path path() {
        return file.file();
    }

    /** The version of the metadata's form, or null. */
    String version() {
        return version;
    }

    int entryCount() throws IOException {
        return entries.size();
    }

    SavedEntry entry(int number) throws IOException {
        String name = entries.key(number).asText();
        Node value = entries.value(number);
        if (!isTensor(value)) {
            return new SavedEntry(name, path(name), null, null);
        }
        Node fields = value.state();
        return new SavedEntry(name, path(name), dtype(fields.get("properties")), Nodes.shape(fields.get("size")));
    }

    /** The number of an entry's name among the texts of this file. */
    int symbol(int number) throws IOException {
        return FlatTree.textSymbol(FlatTree.word(entries.key(number)));
    }

    /** The chunks of a tensor. */
    ChunkList chunks(int number, SavedEntry entry) throws IOException {
        Node chunks = entries.value(number).state().get("chunks");
        if (!Nodes.isList(chunks)) {
            throw new SourceException(chunks.path() + " is no list of chunks");
        }
        ChunkList list = new ChunkList(entry, chunks, tree, MAX_BOX_LONGS - boxLongs);
        boxLongs += list.heldLongs();
        return list;
    }

    private static boolean isTensor(Node value) throws IOException {
        String name = value.kind() == Kind.OBJECT ? value.globalName() : null;
        if (name != null && name.endsWith(".TensorStorageMetadata")) {
            return true;
        }
        if (name != null && name.endsWith(".BytesStorageMetadata")) {
            return false;
        }
        throw new FormatException.Unsupported(
                "an entry is a tensor or bytes",
                "TensorStorageMetadata or BytesStorageMetadata",
                name == null ? value.kind() : name,
                new Place(value.path(), "pickle", 0));
    }

    /** The element type in TensorProperties, whose state is a tuple, or a dictionary as plain data classes have. */
    private static Dtype dtype(Node properties) throws IOException {
        Node state = properties.state();
        Node dtype = state.kind() == Kind.TUPLE && state.size() > 0 ? state.item(0) : state.get("dtype");
        String name = dtype.kind() == Kind.GLOBAL ? dtype.globalName() : "";
        Dtype known = name.startsWith("torch.") ? Dtype.find(name.substring("torch.".length())) : null;
        if (known == null) {
            throw new FormatException.Unsupported(
                    "a tensor has a known element type",
                    "torch.float32 and the like",
                    name.isEmpty() ? dtype.kind() : name,
                    new Place(dtype.path(), "pickle", 0));
        }
        return known;
    }

    private List<Step> path(String name) throws IOException {
        Node steps = paths == null ? null : paths.find(name);
        if (!Nodes.isList(steps)) {
            return null;
        }
        List<Step> path = new ArrayList<>(steps.size());
        for (int i = 0; i < steps.size(); i++) {
            Node step = steps.item(i);
            path.add(
                    step.kind() == Kind.INT ? new Step(step.asBigInteger().toString(), true) : Step.key(step.asText()));
        }
        return path;
    }

    /** Numbers the names of entries that are new in the order of the state dictionary. */
    void addOrder(Map<String, Integer> places) throws IOException {
        int count = paths == null ? 0 : paths.size();
        for (int number = 0; number < count; number++) {
            places.putIfAbsent(paths.key(number).asText(), places.size());
        }
    }

    /** The values of this file. */
    FlatTree tree() {
        return tree;
    }

    /** The dictionary of items in data files: MetadataIndex to _StorageInfo. */
    long items() {
        return FlatTree.word(items);
    }

    /** What the attributes of a MetadataIndex are, for messages. */
    Node itemKey(int number) throws IOException {
        return items.key(number);
    }

    /** What the attributes of a _StorageInfo are, for messages. */
    Node itemPlace(int number) throws IOException {
        return items.value(number);
    }

    @Override
    public void close() {
        file.close();
    }
}
