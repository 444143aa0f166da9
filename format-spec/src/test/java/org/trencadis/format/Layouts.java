package org.trencadis.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Every record that the module declares, found by its class files so that none can be forgotten. */
final class Layouts {
    private Layouts() {}

    /** Record name to declaration. */
    static Map<String, RecordLayout> all() throws IOException {
        Path classes = Path.of("target", "classes", "org", "trencadis", "format");
        Map<String, RecordLayout> layouts = new TreeMap<>();
        try (Stream<Path> files = Files.list(classes)) {
            for (Path file : files.sorted().toList()) {
                String name = file.getFileName().toString().replace(".class", "");
                RecordLayout layout = find("org.trencadis.format." + name);
                if (layout != null) {
                    layouts.put(layout.name(), layout);
                }
            }
        }
        return layouts;
    }

    private static RecordLayout find(String className) {
        try {
            Object layout = Class.forName(className).getField("LAYOUT").get(null);
            return layout instanceof RecordLayout found ? found : null;
        } catch (NoSuchFieldException e) {
            return null;
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(className, e);
        }
    }

    /** The rows that SPEC.md has for a record. */
    static String table(RecordLayout layout) {
        StringBuilder table = new StringBuilder(
                "| offset | size | type | name | meaning | rule |\n| ---: | ---: | --- | --- | --- | --- |\n");
        for (RecordField field : layout.fields()) {
            table.append("| ")
                    .append(field.offsetBytes())
                    .append(" | ")
                    .append(field.sizeBytes())
                    .append(" | ")
                    .append(field.type().specName(field.sizeBytes()))
                    .append(" | `")
                    .append(field.name())
                    .append("` | ")
                    .append(field.meaning())
                    .append(" | ")
                    .append(field.ruleText())
                    .append(" |\n");
        }
        return table.toString();
    }
}
