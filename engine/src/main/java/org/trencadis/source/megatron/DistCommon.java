package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.Attachments;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/** What all ranks have in common: arguments, counters, schedulers, and the optimizers' groups without their parameters. */
final class DistCommon {
    private static final String OPTIMIZER = "optimizer";
    private static final String GROUPS = "param_groups";
    private static final String SCALER = "grad_scaler";
    private static final String STEP = "step";
    private static final int MAX_DEPTH = 4;

    private final Attachments attachments;
    private final GroupBook book = new GroupBook();
    private int groups;
    private Value lossScaler;
    private final Map<String, Long> arguments = new LinkedHashMap<>();

    DistCommon(Attachments attachments) {
        this.attachments = attachments;
    }

    void read(Node root, Path file) throws IOException {
        attachments.addAll("common", "", root, Set.of(OPTIMIZER), file);
        Node optimizer = Nodes.findValue(root, OPTIMIZER);
        if (optimizer != null) {
            readOptimizer(OPTIMIZER, optimizer, file, 0);
        }
        Node args = Nodes.findValue(root, "args");
        if (args != null && (args.kind() == Kind.OBJECT || args.kind() == Kind.DICT)) {
            readArguments(Nodes.attributes(args));
        }
    }

    private void readArguments(Node args) throws IOException {
        if (args.kind() != Kind.DICT) {
            return;
        }
        args.forEachEntry((key, value) -> {
            if (key.kind() == Kind.TEXT
                    && value.kind() == Kind.INT
                    && value.asBigInteger().bitLength() < 32) {
                arguments.put(key.asText(), value.asLong());
            }
        });
    }

    /** An optimizer, or what wraps one or several: a dictionary of them by name or number. */
    private void readOptimizer(String path, Node node, Path file, int depth) throws IOException {
        if (node.kind() != Kind.DICT || depth == MAX_DEPTH) {
            attachments.add("common", path, node, file);
            return;
        }
        Node list = node.find(GROUPS);
        if (Nodes.isList(list)) {
            readGroups(list, Nodes.findValue(node, "state"));
        }
        node.forEachEntry((key, value) -> {
            String name =
                    key.kind() == Kind.TEXT ? key.asText() : key.asBigInteger().toString();
            if (name.equals(OPTIMIZER) || key.kind() == Kind.INT) {
                readOptimizer(path + '.' + name, value, file, depth + 1);
            } else if (name.equals(SCALER) && value.kind() == Kind.DICT && lossScaler == null) {
                lossScaler = numbers(value);
            } else if (!Nodes.isList(list) || !name.equals(GROUPS) && !name.equals("state")) {
                attachments.add("common", path + '.' + name, value, file);
            }
        });
    }

    private void readGroups(Node list, Node state) throws IOException {
        Node common = state == null ? null : Nodes.findValue(state, "common_step");
        for (int i = 0; i < list.size(); i++) {
            Map<String, Value> settings = new LinkedHashMap<>();
            Value[] step = {common == null ? null : GroupBook.number(common)};
            list.item(i).forEachEntry((key, value) -> {
                String name = key.asText();
                if (name.equals(STEP)) {
                    step[0] = GroupBook.number(value);
                } else if (!name.equals("params")) {
                    settings.put(name, value.toValue(Attachments.MAX_TENSOR_BYTES));
                }
            });
            book.addSettings(groups++, settings, step[0], "common.pt");
        }
    }

    private static Value numbers(Node dict) throws IOException {
        List<Value.Entry> entries = new ArrayList<>();
        dict.forEachEntry((key, value) -> {
            boolean isNumber = value.kind() == Kind.TENSOR && value.asTensor().elements() == 1;
            entries.add(new Value.Entry(
                    new Value.Text(key.asText()),
                    isNumber ? GroupBook.number(value) : value.toValue(Attachments.MAX_TENSOR_BYTES)));
        });
        return new Value.Mapping(entries);
    }

    /**
     * Writes groups and what is known of the mesh.
     *
     * @param parameters those that an optimizer has states of
     */
    void write(CatalogBuilder builder, Set<String> parameters) {
        if (groups == 1) {
            book.addMembers(0, parameters);
        } else if (groups > 1) {
            builder.addFinding(
                    "megatron.group-members",
                    "the save does not say which parameters are in which of the " + groups + " optimizer groups");
        }
        book.write(builder);
        if (lossScaler != null) {
            builder.addFact("loss_scaler", lossScaler);
        }
    }

    /** The mesh as the job's arguments say it. */
    List<Value.Entry> geometry() {
        List<Value.Entry> entries = new ArrayList<>();
        long tp = add(entries, "tp", "tensor_model_parallel_size");
        long pp = add(entries, "pp", "pipeline_model_parallel_size");
        long cp = add(entries, "cp", "context_parallel_size");
        add(entries, "ep", "expert_model_parallel_size");
        long world = arguments.getOrDefault("world_size", 0L);
        long others = Math.max(1, tp) * Math.max(1, pp) * Math.max(1, cp);
        if (world > 0 && world % others == 0) {
            entries.add(new Value.Entry(new Value.Text("dp"), new Value.Int(world / others)));
        }
        return entries;
    }

    private long add(List<Value.Entry> entries, String name, String argument) {
        Long value = arguments.get(argument);
        if (value != null && value > 0 && value <= Nodes.MAX_COUNT) {
            entries.add(new Value.Entry(new Value.Text(name), new Value.Int(value)));
            return value;
        }
        return 1;
    }
}
