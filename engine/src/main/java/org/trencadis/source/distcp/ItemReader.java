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
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.DataFiles.DataFile;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.TorchFile;

/** Goes through the items of metadata files once, in their order, which is that of the data files. */
final class ItemReader implements AutoCloseable {
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
    private DistMetadata metadata;
    private ItemAttributes attributes;
    /** Tensors by the symbol of their name; null for others. */
    private Target[] targets = {};

    private final Map<Integer, Other> others = new LinkedHashMap<>();

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
        attributes = new ItemAttributes(file);
        addTensors();
        int count = attributes.count();
        for (int number = 0; number < count; number++) {
            readItem(number);
        }
        for (Target target : targets) {
            if (target != null) {
                target.chunks.checkComplete();
            }
        }
        for (Other other : others.values()) {
            if (!other.met) {
                throw new SourceException(file.path() + ": " + other.entry.name() + " is in no data file");
            }
        }
    }

    private void addTensors() throws IOException {
        others.clear();
        int count = metadata.entryCount();
        int last = -1;
        for (int number = 0; number < count; number++) {
            last = Math.max(last, metadata.symbol(number));
        }
        targets = new Target[last + 1];
        for (int number = 0; number < count; number++) {
            SavedEntry entry = metadata.entry(number);
            TensorKey key = tensors.get(entry.name());
            ChunkList chunks = entry.isTensor() ? metadata.chunks(number, entry) : null;
            if (key == null) {
                others.put(metadata.symbol(number), new Other(entry, chunks));
                continue;
            }
            if (chunks == null) {
                throw new SourceException(metadata.path() + ": " + entry.name() + " is a tensor for other ranks");
            }
            int tensor = draft.builder().addTensor(key.name(), key.state(), entry.dtype(), entry.shape());
            draft.builder().copyOf(tensor);
            targets[metadata.symbol(number)] = new Target(entry, tensor, chunks);
        }
    }

    private void readItem(int number) throws IOException {
        int name = attributes.name(number);
        Target target = name < targets.length ? targets[name] : null;
        if (target != null) {
            Box box = target.chunks.take(attributes.offset(number), attributes.index(number));
            if (box != null) {
                addFragment(target, box, place(number, target.entry));
            }
            return;
        }
        Other other = others.get(name);
        if (other == null) {
            throw new SourceException(metadata.itemKey(number).path() + ": an item holds " + attributes.text(name)
                    + ", which is no entry of the save");
        }
        if (other.chunks != null) {
            readSmallTensor(other, number);
        } else if (other.met) {
            throw new SourceException(metadata.path() + ": two items hold " + other.entry.name());
        } else {
            other.met = true;
            readValue(other.entry, place(number, other.entry));
        }
    }

    private void readSmallTensor(Other other, int number) throws IOException {
        Box box = other.chunks.take(attributes.offset(number), attributes.index(number));
        if (box == null) {
            return;
        }
        if (!Arrays.equals(box.extents(), other.entry.shape())) {
            throw new SourceException(metadata.path() + ": " + other.entry.name() + " of shape "
                    + Shapes.print(other.entry.shape()) + " is cut into chunks; expected a number in one");
        }
        other.met = true;
        readValue(other.entry, place(number, other.entry));
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
                        place.zstd() ? place.offsetBytes() : place.offsetBytes() + head.elementOffsetBytes(),
                        place.zstd()
                                ? place.lengthBytes()
                                : target.entry.dtype().bytes(region.count()));
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
        try (TorchFile item = open(place)) {
            values.accept(entry, item.root(), place.file().path());
        }
    }

    private TorchFile open(ItemPlace place) throws IOException {
        return place.zstd()
                ? TorchFile.open(heads.stream().readAll(place, files.lease(place.file())))
                : TorchFile.openRange(place.file().path(), place.offsetBytes(), place.lengthBytes(), files.cache());
    }

    private ItemPlace place(int number, SavedEntry entry) throws IOException {
        DataFile file = files.file(attributes.file(number), attributes, metadata.path());
        long offset = attributes.offsetBytes(number);
        long length = attributes.lengthBytes(number);
        if (offset < 0 || length <= 0 || length > file.stamp().sizeBytes() - offset) {
            throw new FormatException.Truncated(
                    "an item lies in its file",
                    entry.name() + " at " + offset + " + " + length,
                    file.stamp().sizeBytes() + " bytes",
                    new Place(file.path().toString(), "item", offset));
        }
        return new ItemPlace(file, offset, length, attributes.isZstd(number, entry.name()));
    }

    @Override
    public void close() {
        heads.close();
    }
}
