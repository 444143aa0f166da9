package org.trencadis.layout;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Layouts of well-known architectures, written in the language. */
public final class LayoutPresets {
    /** Their names. */
    public static final List<String> NAMES = List.of("gpt", "llama", "mixtral");

    private LayoutPresets() {}

    /**
     * The preset called {@code name}.
     *
     * @param given numbers that the source says, by name
     */
    public static Layout read(String name, Map<String, Long> given) throws IOException {
        if (!NAMES.contains(name)) {
            throw new LayoutException("no preset is called '" + name + "'; known are " + String.join(", ", NAMES));
        }
        try (InputStream in = LayoutPresets.class.getResourceAsStream("presets/" + name + ".yaml")) {
            if (in == null) {
                throw new LayoutException("the preset '" + name + "' is not part of this build");
            }
            return Layout.parse(new String(in.readAllBytes(), StandardCharsets.UTF_8), "preset " + name, given);
        }
    }
}
