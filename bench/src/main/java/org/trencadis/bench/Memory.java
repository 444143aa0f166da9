package org.trencadis.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel says about this process's memory. */
final class Memory {
    private Memory() {}

    /** Resident anonymous memory now, as Linux prints it, or {@code unknown}. */
    static String anonymousNow() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return "unknown";
        }
        for (String line : Files.readAllLines(status, StandardCharsets.UTF_8)) {
            if (line.startsWith("RssAnon:")) {
                return line.substring("RssAnon:".length()).strip();
            }
        }
        return "unknown";
    }
}
