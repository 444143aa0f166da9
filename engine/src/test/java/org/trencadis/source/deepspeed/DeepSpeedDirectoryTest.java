package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.index.Catalog;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileCache;

/** What is taken for a DeepSpeed checkpoint, and what is said of a directory that is not a whole one. */
class DeepSpeedDirectoryTest {
    private static final String TAG = "global_step3";

    @TempDir
    private Path scratch;

    private Path copy(String name) throws IOException {
        Path from = Fixtures.checkpoint(name);
        Path to = scratch.resolve(name);
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) throws IOException {
                Files.createDirectories(to.resolve(from.relativize(dir)));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.copy(file, to.resolve(from.relativize(file)));
                return FileVisitResult.CONTINUE;
            }
        });
        return to;
    }

    private static String refusal(Path directory) throws IOException {
        try (FileCache cache = new FileCache()) {
            return assertThrows(
                            SourceException.class,
                            () -> Fixtures.open(directory, cache).close())
                    .getMessage();
        }
    }

    private static int count(Path directory) throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Fixtures.open(directory, cache)) {
            return catalog.tensorCount();
        }
    }

    @Test
    void tagFolderReadsLikeItsSaveDirectory() throws IOException {
        Path save = Fixtures.checkpoint("zero1_dp2_fp32");
        assertEquals(count(save), count(save.resolve(TAG)));
    }

    @Test
    void emptyAndUnrelatedDirectoriesAreRefused() throws IOException {
        assertTrue(refusal(scratch).contains("holds no checkpoint"));
        Files.writeString(scratch.resolve("notes.txt"), "text");
        assertTrue(refusal(scratch).contains(scratch.toString()));
    }

    @Test
    void missingPathIsNamed() throws IOException {
        Path missing = scratch.resolve("missing");
        try (FileCache cache = new FileCache()) {
            NoSuchFileException error = assertThrows(
                    NoSuchFileException.class,
                    () -> Fixtures.open(missing, cache).close());
            assertTrue(error.getMessage().contains("missing"));
        }
    }

    @Test
    void tagThatIsNotThereIsNamed() throws IOException {
        Path save = copy("zero1_dp2_fp32");
        Files.writeString(save.resolve("latest"), "global_step9\n");
        assertTrue(refusal(save).contains("tag global_step9"));
        Files.writeString(save.resolve("latest"), "../elsewhere");
        assertTrue(refusal(save).contains("'../elsewhere'"));
    }

    @Test
    void saveDirectoryWithoutLatestListsItsTags() throws IOException {
        Path save = copy("zero1_dp2_fp32");
        Files.delete(save.resolve("latest"));
        assertTrue(refusal(save).contains(TAG));
    }

    @Test
    void missingRankFilesAreNamed() throws IOException {
        Path save = copy("zero1_dp3_bf16");
        Files.delete(save.resolve(TAG).resolve("bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"));
        assertTrue(refusal(save).contains("missing")
                && refusal(save).contains("bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"));
        Path last = copy("zero3_dp3");
        Files.delete(last.resolve(TAG).resolve("zero_pp_rank_2_mp_rank_00_model_states.pt"));
        assertTrue(refusal(last).contains("zero_pp_rank_2_mp_rank_00_model_states.pt"));
    }

    @Test
    void modelFileThatIsMissingIsNamed() throws IOException {
        Path save = copy("zero1_dp2_fp32");
        Files.delete(save.resolve(TAG).resolve("mp_rank_00_model_states.pt"));
        assertTrue(refusal(save).contains("mp_rank_00_model_states.pt"));
    }

    @Test
    void doubledRankFileIsNamed() throws IOException {
        Path save = copy("zero1_dp2_fp32");
        Path tag = save.resolve(TAG);
        Files.copy(
                tag.resolve("zero_pp_rank_1_mp_rank_00_optim_states.pt"),
                tag.resolve("zero_pp_rank_1_mp_rank_0_optim_states.pt"));
        assertTrue(refusal(save).contains("zero_pp_rank_1_mp_rank_0_optim_states.pt"));
    }

    @Test
    void foreignRankFileIsNamed() throws IOException {
        Path save = copy("zero1_dp2_fp32");
        Path tag = save.resolve(TAG);
        Files.copy(
                tag.resolve("zero_pp_rank_1_mp_rank_00_optim_states.pt"),
                tag.resolve("zero_pp_rank_2_mp_rank_00_optim_states.pt"));
        assertTrue(refusal(save).contains("zero_pp_rank_2_mp_rank_00_optim_states.pt"));
        assertTrue(refusal(save).contains("foreign"));
    }

    @Test
    void optimizerFileOfAnotherRankIsNotAccepted() throws IOException {
        Path save = copy("zero1_dp2_fp32");
        Path tag = save.resolve(TAG);
        Files.delete(tag.resolve("zero_pp_rank_1_mp_rank_00_optim_states.pt"));
        Files.copy(
                tag.resolve("zero_pp_rank_0_mp_rank_00_optim_states.pt"),
                tag.resolve("zero_pp_rank_1_mp_rank_00_optim_states.pt"));
        assertTrue(refusal(save).contains("zero_pp_rank_1_mp_rank_00_optim_states.pt"));
    }

    @Test
    void rankNumbersAreNotSortedAsText() {
        assertEquals(
                100,
                RankFile.find(Path.of("zero_pp_rank_100_mp_rank_02_optim_states.pt"))
                        .dp());
        assertEquals(123, RankFile.find(Path.of("mp_rank_123_model_states.pt")).mp());
        assertEquals("mp_rank_123_model_states.pt", RankFile.name(RankFile.Kind.MODEL, "", 0, 123));
        assertEquals(null, RankFile.find(Path.of("mp_rank_99999999999_model_states.pt")));
    }
}
