package org.trencadis.layout;

import java.util.List;
import java.util.Map;

/** The {@code names} of a document of the language: what names and cuts a checkpoint is to be seen in. */
public final class NamesDocument {
    private NamesDocument() {}

    /**
     * The value of {@code names}.
     *
     * @param text YAML
     * @param origin file, for messages
     * @throws LayoutException that says line and column
     */
    public static LayoutNode read(String text, String origin) throws LayoutException {
        LayoutNode root = LayoutYaml.read(text, origin);
        // Everything else that the document says is checked too.
        LayoutParser.parse(root, origin, Map.of());
        LayoutNode names = root.entries("a layout").get("names");
        if (names == null) {
            throw root.error("no 'names' are given");
        }
        return names;
    }

    /** The entries of a mapping whose keys are all known. */
    public static Map<String, LayoutNode> known(LayoutNode node, String what, List<String> keys)
            throws LayoutException {
        return LayoutParser.known(node, what, keys);
    }
}
