package org.trencadis.source.torchsave;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceFacts;
import org.trencadis.source.WeightIndex;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;

/** Makes the catalog of one checkpoint from the pickles of its files; no tensor byte is read. */
final class TorchSaveReader {
    private final TorchSaveFiles files;
    private final FileCache cache;
    private final Draft draft;
    private final KeptValues values;
    private final StateWalk walk;

    private TorchSaveReader(TorchSaveFiles files, FileCache cache, Draft draft) {
        this.files = files;
        this.cache = cache;
        this.draft = draft;
        this.values = new KeptValues(draft.builder());
        this.walk = new StateWalk(draft, values);
    }

    static Catalog read(TorchSaveFiles files, FileCache cache) throws IOException {
        try (Draft draft = new Draft(files.base())) {
            new TorchSaveReader(files, cache, draft).readAll();
            return draft.build(files.base().toString());
        }
    }

    private void readAll() throws IOException {
        WeightIndex index = WeightIndex.readIn(files.base(), files.index(), cache);
        List<String> names = index == null ? files.names() : index.fileNames();
        for (String name : names) {
            readFile(name, index == null);
        }
        if (index != null) {
            index.addTo(draft.builder(), walk.files(), walk.bytes());
        }
        values.writeFindings();
        List<String> others =
                files.leftOut().stream().filter(name -> !names.contains(name)).toList();
        if (!others.isEmpty()) {
            draft.builder()
                    .addFinding(
                            "torchsave.not-read",
                            "these files beside the checkpoint's own are not read: " + Nodes.firstOf(others));
        }
        SourceFacts.add(draft.builder(), "torchsave", files.evidence(), files.base(), names);
    }

    private void readFile(String name, boolean mayHaveOptimizer) throws IOException {
        Path file = files.base().resolve(name);
        try (TorchFile torch = TorchFile.open(file, cache)) {
            walk.begin(torch);
            Node root = torch.root();
            NamedOptimizer optimizer = mayHaveOptimizer && root.kind() == Kind.DICT ? NamedOptimizer.find(root) : null;
            if (optimizer != null) {
                readTrainingState(root, optimizer);
            } else if (root.kind() == Kind.TENSOR) {
                walk.walk(name.replaceFirst("\\.[^.]*$", ""), root);
            } else {
                walk.walkRoot(root);
            }
        } catch (NoSuchFileException e) {
            throw new SourceException(file + " is missing: " + files.index() + " says that it holds tensors", e);
        }
    }

    /** The model's names are the optimizer's: the key of its dictionary is taken off. */
    private void readTrainingState(Node root, NamedOptimizer optimizer) throws IOException {
        GroupBook groups = new GroupBook();
        walk.walk("", root.get(optimizer.modelKey()));
        optimizer.add(root, walk, values, groups);
        walk.walkChildren("", root, Set.of(optimizer.modelKey(), optimizer.optimizerKey()));
        groups.write(draft.builder());
        draft.builder().addFact("model_key", new Value.Text(optimizer.modelKey()));
    }
}
