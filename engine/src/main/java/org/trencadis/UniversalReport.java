package org.trencadis;

import java.nio.file.Path;
import java.util.List;

/**
 * What an export to a DeepSpeed universal checkpoint wrote.
 *
 * @param directory what {@code load_checkpoint} takes
 * @param tensorBytes bytes of the checkpoint's tensors
 * @param fileBytes bytes of all files
 * @param notices what was left out or changed on the way, and why
 */
public record UniversalReport(
        Path directory, long files, long tensors, long tensorBytes, long fileBytes, List<String> notices) {
    public UniversalReport {
        notices = List.copyOf(notices);
    }
}
