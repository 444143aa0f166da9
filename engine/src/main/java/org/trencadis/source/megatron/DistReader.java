package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.Attachments;
import org.trencadis.source.Draft;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.DistSave;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;

/**
 * Reads an iteration that Megatron Core saved as {@code torch_dist}: metadata and data files as PyTorch writes them, with
 * layers and experts stacked on axes in front, and what ranks have in common beside them.
 */
final class DistReader {
    /** What all ranks have in common, as a sharded object of one part: so Megatron Core from 0.20 on names it. */
    private static final String COMMON = "common_state/shard_0_1";

    private final DistFolder folder;
    private final Draft draft;
    private final DistSave save;
    private final DistNames names;
    private final Attachments attachments;
    private final DistCommon common;
    private boolean withCommon;

    private DistReader(DistFolder folder, Draft draft, DistSave save) throws IOException {
        this.folder = folder;
        this.draft = draft;
        this.save = save;
        this.names = new DistNames(save.entries());
        this.attachments = new Attachments(draft);
        this.common = new DistCommon(attachments);
    }

    /** The iteration in {@code iterationFolder}, or null where it is in another form. */
    static FoundSource find(Path iterationFolder) throws IOException {
        return DistFolder.find(iterationFolder);
    }

    /** The proved catalog of the iteration in {@code folder}. */
    static Catalog read(DistFolder folder, FileCache cache) throws IOException {
        try (Draft draft = new Draft(folder.folder())) {
            // The unpickled metadata take the most memory, and are not needed while the catalog is built.
            try (DistSave save = DistSave.open(folder.folder(), List.of(folder.metadata()), cache)) {
                new DistReader(folder, draft, save).read(cache);
            }
            return draft.build(folder.folder().toString());
        } catch (ArithmeticException e) {
            throw new SourceException("numbers in " + folder.folder() + " are too large to be true", e);
        }
    }

    private void read(FileCache cache) throws IOException {
        withCommon = Files.isRegularFile(folder.common());
        boolean inFile = withCommon;
        if (inFile) {
            try (TorchFile file = TorchFile.open(folder.common(), cache)) {
                common.read(file.root(), file.file());
            }
        }
        save.read(draft, names.tensors(), (entry, value, file) -> addObject(entry, value, file, inFile));
        if (!withCommon) {
            throw new SourceException(folder.folder() + " holds neither common.pt nor the object " + COMMON
                    + ", one of which has what all ranks have in common: the save was not finished, or the copy is not"
                    + " complete");
        }
        common.write(draft.builder(), names.parameters());
        attachments.write();
        writeFacts();
    }

    /** A sharded object is a list of the one object. */
    private void addObject(SavedEntry entry, Node value, Path file, boolean withCommonFile) throws IOException {
        Node object = value.kind() == Kind.LIST && value.size() == 1 ? value.item(0) : value;
        // Where both are there, Megatron Core reads the file.
        if (entry.name().equals(COMMON) && !withCommonFile) {
            if (object.kind() != Kind.DICT) {
                throw new SourceException(file + ": the object " + COMMON + " is no dictionary");
            }
            common.read(object, file);
            withCommon = true;
        } else {
            attachments.add("object", entry.name(), object, file);
        }
    }

    private void writeFacts() {
        CatalogBuilder builder = draft.builder();
        builder.addFact("source", new Value.Text(MegatronSource.NAME));
        builder.addFact(
                "evidence",
                new Value.Sequence(folder.evidence().stream()
                        .map(text -> (Value) new Value.Text(text))
                        .toList()));
        builder.addFact("base", new Value.Text(folder.folder().toString()));
        String name = folder.folder().getFileName().toString();
        if (name.matches("iter_\\d+|release")) {
            builder.addFact("tag", new Value.Text(name));
        }
        builder.addFact("framework_version", new Value.Text("torch_dist 1"));
        List<Value.Entry> geometry = new ArrayList<>(common.geometry());
        geometry.add(new Value.Entry(
                new Value.Text("writers"), new Value.Int(save.ranks().size())));
        builder.addFact("geometry", new Value.Mapping(geometry));
    }
}
