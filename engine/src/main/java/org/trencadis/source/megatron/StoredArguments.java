package org.trencadis.source.megatron;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * The training job's arguments as far as they say how state is spread.
 *
 * @param numbers whole numbers by argument
 * @param flags true or false by argument
 * @param texts by argument
 */
record StoredArguments(Map<String, Long> numbers, Map<String, Boolean> flags, Map<String, String> texts) {
    /** Those in the root of a rank's file; empty where it has none. */
    static StoredArguments read(Node root) throws IOException {
        StoredArguments arguments = new StoredArguments(new HashMap<>(), new HashMap<>(), new HashMap<>());
        Node args = Nodes.findValue(root, "args");
        Node dict =
                args == null || args.kind() != Kind.OBJECT && args.kind() != Kind.DICT ? null : Nodes.attributes(args);
        if (dict != null && dict.kind() == Kind.DICT) {
            dict.forEachEntry(arguments::put);
        }
        return arguments;
    }

    private void put(Node key, Node value) throws IOException {
        if (key.kind() != Kind.TEXT) {
            return;
        }
        switch (value.kind()) {
            case INT -> {
                if (value.asBigInteger().bitLength() < 63) {
                    numbers.put(key.asText(), value.asLong());
                }
            }
            case BOOL -> flags.put(key.asText(), value.asBool());
            case TEXT -> texts.put(key.asText(), value.asText());
            default -> {}
        }
    }

    boolean isEmpty() {
        return numbers.isEmpty() && flags.isEmpty();
    }

    boolean isTrue(String name) {
        return flags.getOrDefault(name, false);
    }

    /** The first of {@code names} that is stored, or {@code absent}. */
    long number(long absent, String... names) {
        for (String name : names) {
            Long value = numbers.get(name);
            if (value != null) {
                return value;
            }
        }
        return absent;
    }

    /** A number of ranks, layers or experts: at least 1. */
    int count(int absent, String... names) throws SourceException {
        long number = number(absent, names);
        if (number < 1 || number > Nodes.MAX_COUNT) {
            throw new SourceException(
                    "the stored argument " + names[0] + " is " + number + ", expected from 1 to " + Nodes.MAX_COUNT);
        }
        return (int) number;
    }

    /** Whether the feed forward has a gate. */
    boolean isGated() {
        return isTrue("swiglu")
                || isTrue("gated_linear_unit")
                || isTrue("quick_geglu")
                || "swiglu".equals(texts.get("glu_activation"))
                || "geglu".equals(texts.get("glu_activation"))
                || "reglu".equals(texts.get("glu_activation"))
                || "liglu".equals(texts.get("glu_activation"));
    }

    /** Whether the output layer is the embedding: said, not assumed. */
    boolean isTied() {
        return Boolean.FALSE.equals(flags.get("untie_embeddings_and_output_weights"));
    }
}
