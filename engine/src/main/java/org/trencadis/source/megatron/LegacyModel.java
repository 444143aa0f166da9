package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.trencadis.source.Attachments;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileStamp;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * One piece of the model in one rank's file: tensors by dotted name, in the module's order. Classic models nest
 * dictionaries ({@code language_model}, {@code encoder}); these prefixes are taken off.
 */
record LegacyModel(Path file, FileStamp stamp, Map<String, TorchTensor> tensors) {
    private static final String CLASSIC = "language_model";
    private static final String EMBEDDING = "embedding";
    private static final String EXTRA = "_extra_state";
    private static final int MAX_DEPTH = 32;

    /**
     * Reads a piece.
     *
     * @param key of the piece in the root: {@code model}, or {@code model0} and so on
     */
    static LegacyModel read(TorchFile torch, String key, Attachments attachments) throws IOException {
        Map<String, TorchTensor> tensors = new LinkedHashMap<>();
        Node root = torch.root().get(key);
        Node classic = root.find(CLASSIC);
        boolean twoStacks = classic != null && classic.find("decoder") != null;
        Walk walk = new Walk(torch, key, attachments, tensors, twoStacks);
        Node embedding = classic == null ? null : classic.find(EMBEDDING);
        if (embedding != null) {
            // Classic modules own their embedding first, whatever the order in the file.
            walk.add(CLASSIC + '.' + EMBEDDING, embedding, 0);
        }
        walk.addAll("", root, 0);
        return new LegacyModel(torch.file(), torch.stamp(), tensors);
    }

    private record Walk(
            TorchFile torch, String key, Attachments attachments, Map<String, TorchTensor> tensors, boolean twoStacks) {
        private void addAll(String prefix, Node dict, int depth) throws IOException {
            dict.forEachEntry((entry, value) -> {
                String path = prefix.isEmpty() ? entry.asText() : prefix + '.' + entry.asText();
                if (!path.equals(CLASSIC + '.' + EMBEDDING)) {
                    add(path, value, depth);
                }
            });
        }

        private void add(String path, Node value, int depth) throws IOException {
            boolean extra = path.endsWith(EXTRA);
            if (value.kind() == Kind.DICT && !extra) {
                if (depth > MAX_DEPTH) {
                    throw new SourceException(value.path() + " lies in more than " + MAX_DEPTH + " dictionaries");
                }
                addAll(path, value, depth + 1);
            } else if (value.kind() == Kind.TENSOR && !extra) {
                String name = name(path);
                if (tensors.putIfAbsent(name, value.asTensor()) != null) {
                    throw new SourceException(value.path() + " is a second tensor called " + name);
                }
            } else if (!value.isNone()) {
                attachments.add("module", key + '.' + path, value, torch.file());
            }
        }

        /** The name without the modules that every classic model has. */
        private String name(String path) {
            if (!path.startsWith(CLASSIC + '.')) {
                return path;
            }
            String inner = path.substring(CLASSIC.length() + 1);
            for (String stack : new String[] {"encoder.", "transformer."}) {
                if (!twoStacks && inner.startsWith(stack)) {
                    return inner.substring(stack.length());
                }
            }
            return inner;
        }
    }
}
