package org.trencadis.source;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.trencadis.layout.Layout;
import org.trencadis.layout.LayoutException;
import org.trencadis.layout.LayoutPresets;

/** Reads what {@code --source-layout} names: a file of the layout language, or one of its presets. */
public final class SourceLayouts {
    private static final long MAX_BYTES = 4L << 20;

    private SourceLayouts() {}

    /**
     * The layout that {@code path} names. A bare name that is a preset's and no file's is the preset.
     *
     * @param given numbers that the source says, by name
     */
    public static Layout read(Path path, Map<String, Long> given) throws IOException {
        if (!Files.exists(path)) {
            if (path.getNameCount() == 1 && LayoutPresets.NAMES.contains(path.toString())) {
                return LayoutPresets.read(path.toString(), given);
            }
            throw new LayoutException("no source layout is there: " + path + " is no file, and no preset ("
                    + String.join(", ", LayoutPresets.NAMES) + ")");
        }
        if (!Files.isRegularFile(path)) {
            throw new LayoutException(path + " is no file of the layout language");
        }
        if (Files.size(path) > MAX_BYTES) {
            throw new LayoutException(path + " has " + Files.size(path) + " bytes; a layout has at most " + MAX_BYTES);
        }
        try {
            return Layout.parse(Files.readString(path, StandardCharsets.UTF_8), path.toString(), given);
        } catch (CharacterCodingException e) {
            throw new LayoutException(path + " is no layout: it is not UTF-8 text", e);
        }
    }
}
