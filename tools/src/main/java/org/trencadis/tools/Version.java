package org.trencadis.tools;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine.IVersionProvider;

/** The version that the build wrote beside the classes. */
final class Version implements IVersionProvider {
    private static final String RESOURCE = "version.txt";

    /** {@code trencadis 0.1.0-SNAPSHOT}. */
    static String text() {
        try (InputStream in = Version.class.getResourceAsStream(RESOURCE)) {
            String version = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
            return "trencadis " + version;
        } catch (IOException e) {
            return "trencadis";
        }
    }

    @Override
    public String[] getVersion() {
        return new String[] {text()};
    }
}
