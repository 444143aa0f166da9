package org.trencadis.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;

final class SavedStateTest {
    private static final SourceMesh MESH = new SourceMesh(1, 2, 2);

    @Test
    void whatAllRanksShareNeedsOneModelFile() throws IOException {
        SavedState saved = read(
                new ArrayList<>(),
                attachment("args", "mp_rank_00_model_states.pt", 1),
                attachment("optimizer_state_dict.overflow", "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", 2),
                attachment("ds_config", "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", 3));
        assertEquals(1, saved.modelFiles());
        assertEquals(new Value.Int(1), saved.find("args"));
        assertNull(saved.find("overflow"));
        assertEquals(Map.of("overflow", new Value.Int(2)), saved.optimizer());
    }

    @Test
    void whatDiffersByModelRankIsKeptRankByRank() throws IOException {
        List<String> notices = new ArrayList<>();
        SavedState saved = read(
                notices,
                attachment("args", "tag/mp_rank_00_model_states.pt", 1),
                attachment("rng", "tag/mp_rank_00_model_states.pt", 10),
                attachment("rng", "tag/mp_rank_02_model_states.pt", 12));
        assertEquals(4, saved.modelFiles());
        assertEquals(Map.of("args", new Value.Int(1), "rng", new Value.Int(12)), saved.model(2));
        assertEquals(Map.of("args", new Value.Int(1), "rng", new Value.Int(10)), saved.model(3));
        assertEquals(List.of(), notices);
    }

    @Test
    void whatDiffersByDataRankIsTakenFromTheFirstWithANotice() throws IOException {
        List<String> notices = new ArrayList<>();
        SavedState saved = read(
                notices,
                attachment("rng", "zero_pp_rank_0_mp_rank_00_model_states.pt", 1),
                attachment("rng", "zero_pp_rank_1_mp_rank_00_model_states.pt", 2));
        assertEquals(1, saved.modelFiles());
        assertEquals(new Value.Int(1), saved.find("rng"));
        assertEquals(List.of("rng: differs between data-parallel ranks: the first rank's is written"), notices);
    }

    @Test
    void anOptimizerFileOfAUniversalFolderHasPlainNames() throws IOException {
        SavedState saved = read(new ArrayList<>(), attachment("clip_grad", "tag_universal/zero/optimizer_state.pt", 1));
        assertEquals(Map.of("clip_grad", new Value.Int(1)), saved.optimizer());
    }

    private static Attachment attachment(String name, String scope, long value) {
        return new Attachment(name, scope, new Value.Int(value));
    }

    private static SavedState read(List<String> notices, Attachment... attachments) throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            for (Attachment attachment : attachments) {
                builder.addAttachment(attachment);
            }
            try (Catalog catalog = builder.build("test")) {
                return SavedState.read(catalog, MESH, notices::add);
            }
        }
    }
}
