package org.trencadis.source.distcp;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.source.Draft;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.DataFiles.DataFile;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;

/** Goes through the items of metadata files once, in their order, which is that of the data files. */
final class ItemReader {
    private static final String ZSTD = "stream.zstd/1";

    /** A tensor of one metadata file. */
    private record Target(SavedEntry entry, int tensor, ChunkList chunks) {}

    /** An entry that is read as a value; {@code chunks} is null where it is no tensor. */
    private static final class Other {
        final SavedEntry entry;
        final ChunkList chunks;
        boolean met;

        Other(SavedEntry entry, ChunkList chunks) {
            this.entry = entry;
            this.chunks = chunks;
        }
    }

    private final DataFiles files;
    private final Draft draft;
    private final Map<String, TensorKey> tensors;
    private final DistSave.ValueSink values;
    private final ItemHeads heads;
    /** Null where all ranks share one metadata file: then no chunk is there twice. */
    private final BoxCounts counts;

    private final Map<Integer, List<Integer>> copies = new HashMap<>();
    private final Map<String, Target> targets = new HashMap<>();
    private final Map<String, Other> others = new LinkedHashMap<>();
    private DistMetadata metadata;

    ItemReader(
            DataFiles files,
            Draft draft,
            Map<String, TensorKey> tensors,
            DistSave.ValueSink values,
            boolean withCopies) {
        this.files = files;
        this.draft = draft;
        this.tensors = tensors;
        this.values = values;
        this.heads = new ItemHeads(files, draft);
        this.counts = withCopies ? new BoxCounts() : null;
    }

    void read(DistMetadata file) throws IOException {
        metadata = file;
        addTensors();
        int count = file.itemCount();
        for (int number = 0; number < count; number++) {
            readItem(number);
        }
        for (Target target : targets.values()) {
            target.chunks.checkComplete();
        }
        for (Other other : others.values()) {
            if (!other.met) {
                throw new SourceException(file.path() + ": " + other.entry.name() + " is in no data file");
            }
        }
    }

    private void addTensors() throws IOException {
        targets.clear();
        others.clear();
        int count = metadata.entryCount();
        for (int number = 0; number < count; number++) {
            SavedEntry entry = metadata.entry(number);
            TensorKey key = tensors.get(entry.name());
            if (key == null) {
                ChunkList chunks =
                        entry.isTensor() ? new ChunkList(entry.name(), entry.shape(), metadata.chunks(number)) : null;
                others.put(entry.name(), new Other(entry, chunks));
                continue;
            }
            if (!entry.isTensor()) {
                throw new SourceException(metadata.path() + ": " + entry.name() + " is a tensor for one rank only");
            }
            int tensor = draft.builder().addTensor(key.name(), key.state(), entry.dtype(), entry.shape());
            draft.builder().copyOf(tensor);
            targets.put(
                    entry.name(),
                    new Target(entry, tensor, new ChunkList(entry.name(), entry.shape(), metadata.chunks(number))));
        }
    }

    private void readItem(int number) throws IOException {
        Node key = metadata.itemKey(number);
        String name = key.get("fqn").asText();
        Target target = targets.get(name);
        if (target != null) {
            Node index = Nodes.findValue(key, "index");
            long[] offsets = Nodes.longs(key.get("offset"));
            Box box = target.chunks.take(offsets, index == null ? -1 : index.asLong());
            if (box != null) {
                addFragment(target, box, place(metadata.itemPlace(number), name));
            }
            return;
        }
        Other other = others.get(name);
        if (other == null) {
            throw new SourceException(key.path() + ": an item holds " + name + ", which is no entry of the save");
        }
        if (other.chunks != null) {
            readSmallTensor(other, key, number);
        } else if (other.met) {
            throw new SourceException(key.path() + ": two items hold " + name);
        } else {
            other.met = true;
            readValue(other.entry, place(metadata.itemPlace(number), name));
        }
    }

    private void readSmallTensor(Other other, Node key, int number) throws IOException {
        Box box = other.chunks.take(Nodes.longs(key.get("offset")), -1);
        if (box == null) {
            return;
        }
        if (!Arrays.equals(box.extents(), other.entry.shape())) {
            throw new SourceException(key.path() + ": " + other.entry.name() + " of shape "
                    + Shapes.print(other.entry.shape()) + " is cut into chunks; expected a number in one");
        }
        other.met = true;
        readValue(other.entry, place(metadata.itemPlace(number), other.entry.name()));
    }

    private void addFragment(Target target, Box box, ItemPlace place) throws IOException {
        ItemHead head = heads.find(place, target.entry.dtype(), box.extents(), target.entry.name());
        int copy = copy(target.tensor, box);
        Region region = Region.of(box);
        draft.builder()
                .addFragment(
                        copy,
                        region,
                        head.encoding(),
                        place.file().holders(),
                        place.file().number(),
                        place.offsetBytes() + head.elementOffsetBytes(),
                        target.entry.dtype().bytes(region.count()));
    }

    private int copy(int tensor, Box box) {
        int first = draft.builder().copyOf(tensor);
        if (counts == null) {
            return first;
        }
        int number = counts.add(tensor, box);
        List<Integer> known = copies.computeIfAbsent(tensor, missing -> new ArrayList<>(List.of(first)));
        if (number == known.size()) {
            known.add(draft.builder().addCopy(tensor, -1));
        }
        return known.get(number);
    }

    private void readValue(SavedEntry entry, ItemPlace place) throws IOException {
        try (TorchFile item =
                TorchFile.openRange(place.file().path(), place.offsetBytes(), place.lengthBytes(), files.cache())) {
            values.accept(entry, item.root(), place.file().path());
        }
    }

    private ItemPlace place(Node info, String name) throws IOException {
        DataFile file = files.file(info.get("relative_path").asText(), metadata.path());
        long offset = info.get("offset").asLong();
        long length = info.get("length").asLong();
        if (offset < 0 || length <= 0 || length > file.stamp().sizeBytes() - offset) {
            throw new FormatException.Truncated(
                    "an item lies in its file",
                    name + " at " + offset + " + " + length,
                    file.stamp().sizeBytes() + " bytes",
                    new Place(file.path().toString(), "item", offset));
        }
        return new ItemPlace(file, offset, length, isZstd(info, name));
    }

    private static boolean isZstd(Node info, String name) throws IOException {
        Node transforms = Nodes.findValue(info, "transform_descriptors");
        if (transforms == null || transforms.size() == 0) {
            return false;
        }
        boolean known = transforms.size() == 1
                && transforms.item(0).kind() == Kind.TEXT
                && transforms.item(0).asText().equals(ZSTD);
        if (!known) {
            throw new FormatException.Unsupported(
                    "the items of a save are plain or " + ZSTD,
                    ZSTD,
                    name + " with " + String.join(", ", Nodes.texts(transforms)),
                    new Place(info.path(), "pickle", 0));
        }
        return true;
    }
}
