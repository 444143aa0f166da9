package org.trencadis;

import java.util.List;

/**
 * What a check found.
 *
 * @param readBytes bytes that were read and checked
 * @param notes what could not be proved, and why; no fault
 */
public record VerifyReport(List<VerifyFinding> findings, long tensors, long readBytes, List<String> notes) {
    public VerifyReport {
        findings = List.copyOf(findings);
        notes = List.copyOf(notes);
    }

    public boolean isClean() {
        return findings.isEmpty();
    }
}
