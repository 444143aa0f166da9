package org.trencadis.tools;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.Checkpoint;
import org.trencadis.Values;
import org.trencadis.format.Value;
import org.trencadis.index.Alias;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Says what a checkpoint is, or where one tensor of it lies. */
@Command(
        name = "inspect",
        header = "Say what a checkpoint was taken for and why, or where a tensor lies.",
        description = {
            "Without NAME: source and evidence, geometry, states, groups, aliases, files, attachments.",
            "With NAME: the copies of the tensor, and of each fragment its region, file and offset."
        })
final class InspectCommand extends ReadingCommand {
    private static final List<String> FIRST_FACTS =
            List.of("source", "framework_version", "evidence", "tag", "base", "geometry");

    @Parameters(index = "0", paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Parameters(index = "1", arity = "0..1", paramLabel = "NAME[:STATE]", description = "One tensor.")
    String name;

    @Override
    public Integer call() throws IOException {
        try (Checkpoint checkpoint = source.open(what)) {
            if (name != null) {
                TensorInspection inspection = new TensorInspection(checkpoint);
                List<Tensor> tensors = TensorArgument.all(checkpoint, name);
                if (isJson()) {
                    json(json -> json.field("what", what).array("tensors", () -> {
                        for (Tensor tensor : tensors) {
                            inspection.write(json, tensor);
                        }
                    }));
                } else {
                    for (Tensor tensor : tensors) {
                        inspection.print(out(), tensor);
                    }
                }
            } else if (isJson()) {
                json(json -> write(json, checkpoint));
            } else {
                print(checkpoint);
            }
        }
        return CommandRunner.CLEAN;
    }

    /** Tensors and bytes of one state. */
    private static final class Sum {
        private long tensors;
        private long bytes;
    }

    private static SortedMap<String, Sum> sums(Catalog catalog) throws IOException {
        SortedMap<String, Sum> sums = new TreeMap<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            Sum sum = sums.computeIfAbsent(tensor.state(), key -> new Sum());
            sum.tensors++;
            sum.bytes += tensor.bytes();
        }
        return sums;
    }

    private void print(Checkpoint checkpoint) throws IOException {
        Catalog catalog = checkpoint.catalog();
        if (checkpoint.isStored()) {
            out().fields("container", checkpoint.directory());
            out().fields("checkpoint", checkpoint.name(), "generation " + checkpoint.generation());
        }
        for (Value.Entry fact : facts(catalog)) {
            String key = text(fact.key());
            if (fact.value() instanceof Value.Sequence list && key.equals("evidence")) {
                for (Value item : list.items()) {
                    out().fields("evidence", Printable.name(text(item)));
                }
            } else {
                out().fields(Printable.name(key), Printable.name(shortened(shown(fact.value()))));
            }
        }
        for (var sum : sums(catalog).entrySet()) {
            out().fields(
                            "state",
                            Printable.name(sum.getKey()),
                            sum.getValue().tensors + " tensors",
                            sum.getValue().bytes + " bytes");
        }
        List<Group> groups = catalog.groups();
        for (int i = 0; i < groups.size(); i++) {
            Group group = groups.get(i);
            out().fields(
                            "group",
                            i,
                            Printable.name(group.name()),
                            group.parameters().size() + " parameters" + (group.expert() ? ", experts" : ""),
                            Printable.name(Values.print(group.settings())));
        }
        for (Alias alias : catalog.aliases()) {
            out().fields("alias", Printable.name(alias.name()), Printable.name(alias.target()));
        }
        for (FileEntry file : files(catalog)) {
            out().fields("file", Printable.name(fileName(file)), file.sizeBytes() + " bytes");
        }
        for (Attachment attachment : catalog.attachments()) {
            out().fields(
                            "attachment",
                            Printable.name(attachment.name()),
                            Printable.name(attachment.scope()),
                            Printable.name(shortened(Values.print(attachment.value()))));
        }
        for (Finding finding : catalog.findings()) {
            out().fields("finding", Printable.name(finding.code()), Printable.name(finding.text()));
        }
    }

    private void write(Json json, Checkpoint checkpoint) throws IOException {
        Catalog catalog = checkpoint.catalog();
        json.field("what", what).field("container", checkpoint.isStored()).field("checkpoint", checkpoint.name());
        json.field("generation", checkpoint.generation());
        json.object("facts", () -> {
            for (Value.Entry fact : catalog.facts().entries()) {
                ValueJson.field(json, text(fact.key()), fact.value());
            }
        });
        json.array("states", () -> {
            for (var sum : sums(catalog).entrySet()) {
                json.item(() -> json.field("state", sum.getKey())
                        .field("tensors", sum.getValue().tensors)
                        .field("bytes", sum.getValue().bytes));
            }
        });
        json.array("groups", () -> {
            for (Group group : catalog.groups()) {
                json.item(() -> {
                    json.field("name", group.name()).field("expert", group.expert());
                    json.array("parameters", () -> group.parameters().forEach(json::item));
                    ValueJson.field(json, "settings", group.settings());
                });
            }
        });
        json.array("aliases", () -> {
            for (Alias alias : catalog.aliases()) {
                json.item(() -> json.field("name", alias.name()).field("target", alias.target()));
            }
        });
        json.array("files", () -> {
            for (FileEntry file : files(catalog)) {
                json.item(() -> json.field("path", fileName(file))
                        .field("shard", file.shard())
                        .field("bytes", file.sizeBytes())
                        .field("digest", file.digest()));
            }
        });
        json.array("attachments", () -> {
            for (Attachment attachment : catalog.attachments()) {
                json.item(() -> {
                    json.field("name", attachment.name()).field("scope", attachment.scope());
                    ValueJson.field(json, "value", attachment.value());
                });
            }
        });
        json.array("findings", () -> {
            for (Finding finding : catalog.findings()) {
                json.item(() -> json.field("code", finding.code()).field("text", finding.text()));
            }
        });
    }

    /** What it was taken for first, and why; then what else is known. */
    private static List<Value.Entry> facts(Catalog catalog) throws IOException {
        List<Value.Entry> facts = new ArrayList<>(catalog.facts().entries());
        facts.sort(Comparator.comparingInt(fact -> {
            int position = FIRST_FACTS.indexOf(text(fact.key()));
            return position < 0 ? FIRST_FACTS.size() : position;
        }));
        return facts;
    }

    private static List<FileEntry> files(Catalog catalog) throws IOException {
        List<FileEntry> files = new ArrayList<>();
        for (int ordinal = 0; ordinal < catalog.fileCount(); ordinal++) {
            files.add(catalog.file(ordinal));
        }
        return files;
    }

    static String fileName(FileEntry file) {
        return file.shard() ? "shards/" + Printable.hex(file.digest()) + ".shard" : file.path();
    }

    private static String text(Value value) {
        return value instanceof Value.Text text ? text.value() : Values.print(value);
    }

    /** A fact as one line: text bare, digests in hexadecimal. */
    private static String shown(Value value) {
        return switch (value) {
            case Value.Text text -> text.value();
            case Value.Blob blob -> Printable.hex(blob.value());
            case Value.Mapping mapping ->
                String.join(
                        "  ",
                        mapping.entries().stream()
                                .map(entry -> text(entry.key()) + "=" + shown(entry.value()))
                                .toList());
            default -> Values.print(value);
        };
    }

    private static String shortened(String text) {
        int most = 400;
        return text.length() <= most ? text : text.substring(0, most) + "…";
    }
}
