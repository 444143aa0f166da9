package org.trencadis;

import java.nio.file.Path;
import java.util.List;

/**
 * What an export wrote.
 *
 * @param files in the order in which they were written
 * @param tensorBytes bytes of all tensors in their exported types
 * @param fileBytes bytes of all files
 */
public record ExportReport(List<Path> files, long tensors, long tensorBytes, long fileBytes) {
    public ExportReport {
        files = List.copyOf(files);
    }
}
