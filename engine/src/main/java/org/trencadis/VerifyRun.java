package org.trencadis;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** One check of a checkpoint. */
final class VerifyRun {
    private VerifyRun() {}

    static VerifyReport run(String what, OpenOptions options, VerifyLevel level, Progress progress)
            throws IOException {
        List<VerifyFinding> findings = new ArrayList<>();
        try (Checkpoint checkpoint = Checkpoint.open(what, options)) {
            return new VerifyReport(findings, checkpoint.catalog().tensorCount(), 0, List.of());
        }
    }
}
