package org.trencadis.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.TorchFile;

/** Values that cannot be kept cost a finding, not the checkpoint. */
class AttachmentsTest {
    @Test
    void valueThatIsTooDeepIsAFinding() throws IOException {
        Path hostile = Path.of("src/test/resources/fixtures/torch/hostile").toAbsolutePath();
        Path file = hostile.resolve("deep_lists.pkl");
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.openPickle(file, cache);
                Draft draft = new Draft(hostile)) {
            Attachments attachments = new Attachments(draft);
            attachments.add("role", "sampler", torch.root(), file);
            attachments.write();
            try (Catalog catalog = draft.build("test")) {
                assertEquals(List.of(), catalog.attachments());
                Finding finding = catalog.findings().getFirst();
                assertEquals("source.not-kept", finding.code());
                assertTrue(finding.text().contains("deep_lists.pkl sampler (values nest"), finding.text());
            }
        }
    }
}
