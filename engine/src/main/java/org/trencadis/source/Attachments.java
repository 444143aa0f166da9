package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * Records what is not a tensor: schedulers, configurations, counters, client state. A value that a later rank's file
 * repeats is recorded once, in the scope of the first file; what differs is recorded in the scope of its own.
 */
final class Attachments {
    /** Tensors in attachments (states of random generators) that are kept with their bytes. */
    static final long MAX_TENSOR_BYTES = 1 << 20;

    private final Draft draft;
    private final Map<String, Value> first = new HashMap<>();

    Attachments(Draft draft) {
        this.draft = draft;
    }

    /**
     * Records the entries of a dictionary.
     *
     * @param prefix dotted path of {@code dict} in its file, empty for the root
     * @param consumed keys that the catalog says in another way
     * @param role of the file; values are compared among files of one role
     */
    void addAll(String role, String prefix, Node dict, Set<String> consumed, Path file) throws IOException {
        dict.forEachEntry((key, value) -> {
            String name = key.kind() == Kind.TEXT ? key.asText() : Long.toString(key.asLong());
            if (!consumed.contains(name)) {
                add(role, prefix.isEmpty() ? name : prefix + '.' + name, value, file);
            }
        });
    }

    /** Records one value. */
    void add(String role, String name, Node node, Path file) throws IOException {
        Value value = node.toValue(MAX_TENSOR_BYTES);
        Value known = first.putIfAbsent(role + '/' + name, value);
        if (!value.equals(known)) {
            draft.builder().addAttachment(new Attachment(name, draft.relative(file), value));
        }
    }
}
