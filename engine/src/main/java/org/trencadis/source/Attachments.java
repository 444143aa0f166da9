package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * Records what is not a tensor: schedulers, configurations, counters, client state. A value that a later rank's file
 * repeats is recorded once, in the scope of the first file; what differs is recorded in the scope of its own.
 */
public final class Attachments {
    /** Tensors in attachments (states of random generators) that are kept with their bytes. */
    public static final long MAX_TENSOR_BYTES = 1 << 20;

    /** What stands for a tensor that is too large to be kept. */
    private static final Pattern NOTE = Pattern.compile("tensor \\w+ \\[[\\d, ]*\\]");

    private final Draft draft;
    private final List<String> leftOut = new ArrayList<>();
    private final List<String> notKept = new ArrayList<>();
    private final Map<String, Value> first = new HashMap<>();

    /** None yet. */
    public Attachments(Draft draft) {
        this.draft = draft;
    }

    /**
     * Records the entries of a dictionary.
     *
     * @param prefix dotted path of {@code dict} in its file, empty for the root
     * @param consumed keys that the catalog says in another way
     * @param role of the file; values are compared among files of one role
     */
    public void addAll(String role, String prefix, Node dict, Set<String> consumed, Path file) throws IOException {
        dict.forEachEntry((key, value) -> {
            String name = key.kind() == Kind.TEXT ? key.asText() : Long.toString(key.asLong());
            if (!consumed.contains(name)) {
                add(role, prefix.isEmpty() ? name : prefix + '.' + name, value, file);
            }
        });
    }

    /** Records one value. */
    public void add(String role, String name, Node node, Path file) throws IOException {
        Value value = findValue(name, node, file);
        if (value == null) {
            return;
        }
        if (notesTensor(value)) {
            leftOut.add(draft.relative(file) + ' ' + name);
        }
        Value known = first.putIfAbsent(role + '/' + name, value);
        if (!value.equals(known)) {
            draft.builder().addAttachment(new Attachment(name, draft.relative(file), value));
        }
    }

    /** The node as a value, or null where it is too large or too deep to be kept: tensors can be read without it. */
    private Value findValue(String name, Node node, Path file) throws IOException {
        try {
            return node.toValue(MAX_TENSOR_BYTES);
        } catch (FormatException.Unsupported e) {
            notKept.add(draft.relative(file) + ' ' + name + " (" + e.rule() + ")");
            return null;
        }
    }

    /** Whether {@code value} holds a note in place of a tensor that is too large. */
    public static boolean notesTensor(Value value) {
        return switch (value) {
            case Value.Text text -> NOTE.matcher(text.value()).matches();
            case Value.Sequence list -> list.items().stream().anyMatch(Attachments::notesTensor);
            case Value.Tuple tuple -> tuple.items().stream().anyMatch(Attachments::notesTensor);
            case Value.Mapping dict -> dict.entries().stream().anyMatch(entry -> notesTensor(entry.value()));
            case Value.Instance instance -> notesTensor(instance.arguments()) || notesTensor(instance.state());
            default -> false;
        };
    }

    /** Writes which attachments, and which tensors in attachments, are not kept. */
    public void write() {
        if (!notKept.isEmpty()) {
            draft.builder().addFinding("source.not-kept", "values that are not kept: " + Nodes.firstOf(notKept));
        }
        if (!leftOut.isEmpty()) {
            draft.builder()
                    .addFinding(
                            "source.large-attachments",
                            "tensors over " + MAX_TENSOR_BYTES
                                    + " bytes that are not of the model or the optimizer are not"
                                    + " kept, only their types and shapes: " + Nodes.firstOf(leftOut));
        }
    }
}
