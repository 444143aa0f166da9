package org.trencadis.source.safetensors;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.Draft;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceFacts;
import org.trencadis.source.WeightIndex;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;

/** Makes the catalog of one checkpoint from the headers of its files. */
final class SafetensorsReader {
    private static final String FORMAT = "format";

    private final SafetensorsFiles files;
    private final FileCache cache;
    private final Draft draft;
    private final CatalogBuilder builder;
    private final Map<String, WholeTensor> tensors = new LinkedHashMap<>();
    /** The file of each tensor that lies whole in one. */
    private final Map<String, String> held = new HashMap<>();

    private final Map<String, String> aliases = new LinkedHashMap<>();
    private final List<String> withoutAxes = new ArrayList<>();
    /** Texts of headers that an earlier file had too are kept once. */
    private final Set<List<Value.Entry>> kept = new HashSet<>();

    private final TreeSet<Long> ranks = new TreeSet<>();
    private final TreeSet<String> versions = new TreeSet<>();
    private long bytes;

    private SafetensorsReader(SafetensorsFiles files, FileCache cache, Draft draft) {
        this.files = files;
        this.cache = cache;
        this.draft = draft;
        this.builder = draft.builder();
    }

    static Catalog read(SafetensorsFiles files, FileCache cache) throws IOException {
        try (Draft draft = new Draft(files.base())) {
            new SafetensorsReader(files, cache, draft).readAll();
            return draft.build(files.base().toString());
        }
    }

    private void readAll() throws IOException {
        WeightIndex index = WeightIndex.readIn(files.base(), files.index(), cache);
        List<String> names = index == null ? files.names() : index.fileNames();
        for (String name : names) {
            readFile(name);
        }
        if (index != null) {
            index.addTo(builder, held, bytes);
        }
        for (WholeTensor tensor : tensors.values()) {
            tensor.add(builder);
        }
        aliases.forEach((alias, target) -> {
            if (!tensors.containsKey(alias) && tensors.containsKey(target)) {
                builder.addAlias(alias, target);
            }
        });
        if (!files.alone()) {
            ConfigurationFiles.addAll(files.base(), builder, cache);
        }
        addFindings(names);
        addFacts(names);
    }

    private void readFile(String name) throws IOException {
        Path file = files.base().resolve(name);
        FileHeader header;
        try (FileLease lease = cache.lease(file)) {
            header = FileHeader.read(lease);
        } catch (NoSuchFileException e) {
            throw new SourceException(file + " is missing: " + files.index() + " says that it holds tensors", e);
        }
        int number = draft.file(file, header.stamp());
        ShardingInfo sharding = ShardingInfo.find(header, file.toString());
        int holders = holders(name);
        for (TensorEntry entry : header.entries()) {
            long[] offsets = sharding == null ? new long[entry.shape().length] : sharding.offsets(entry);
            if (entry.shape().length == 0 && files.consolidated()) {
                withoutAxes.add(entry.name());
            }
            tensors.computeIfAbsent(entry.name(), WholeTensor::new)
                    .addShard(entry, offsets, header.dataBytes(), number, name, holders, sharding != null);
            held.put(entry.name(), name);
            bytes += entry.bytes();
        }
        addMetadata(name, header);
    }

    /** The set of the rank that wrote a file, where its name says it; ranks are counted from 1 in names. */
    private int holders(String name) {
        Matcher shard = SafetensorsFiles.SHARD.matcher(name);
        if (!shard.matches()) {
            return -1;
        }
        long rank = Math.max(0, Long.parseLong(shard.group(1)) - 1);
        ranks.add(rank);
        return builder.addHolders(List.of(rank));
    }

    /**
     * Keeps the texts of a header. The library writes a tied tensor once and the second name as a text whose value is the
     * first.
     */
    private void addMetadata(String name, FileHeader header) {
        List<Value.Entry> texts = new ArrayList<>();
        header.metadata().forEach((key, text) -> {
            if (key.equals(ShardingInfo.VERSION)) {
                versions.add(text);
            } else if (!key.equals(ShardingInfo.KEY)) {
                if (!key.equals(FORMAT)) {
                    aliases.put(key, text);
                }
                texts.add(new Value.Entry(new Value.Text(key), new Value.Text(text)));
            }
        });
        if (!texts.isEmpty() && kept.add(texts)) {
            builder.addAttachment(new Attachment("__metadata__", name, new Value.Mapping(texts)));
        }
    }

    private void addFindings(List<String> names) {
        List<String> others =
                files.leftOut().stream().filter(name -> !names.contains(name)).toList();
        if (!others.isEmpty()) {
            builder.addFinding(
                    "safetensors.not-read",
                    "these files beside the checkpoint's own are not read: " + Nodes.firstOf(others));
        }
        if (!withoutAxes.isEmpty()) {
            builder.addFinding(
                    "safetensors.consolidated-scalars",
                    "torch 2.15 writes 0 for tensors without axes when it consolidates shards; their values are in"
                            + " sharded/: " + Nodes.firstOf(withoutAxes));
        }
    }

    private void addFacts(List<String> names) throws IOException {
        SourceFacts.add(builder, "safetensors", files.evidence(), files.base(), names);
        if (!versions.isEmpty()) {
            builder.addFact("framework_version", new Value.Text("DCP " + String.join(", ", versions)));
        }
        if (!ranks.isEmpty()) {
            builder.addFact(
                    "geometry",
                    new Value.Mapping(
                            List.of(new Value.Entry(new Value.Text("ranks"), new Value.Int(ranks.last() + 1)))));
        }
    }
}
