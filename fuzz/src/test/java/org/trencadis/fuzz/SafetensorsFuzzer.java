package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.trencadis.index.Catalog;

/**
 * Any bytes as a safetensors file. The last byte says whether they are the file, or the text of its header: then the length
 * is put before it, and data behind it.
 */
public final class SafetensorsFuzzer {
    /** Data behind a header that is put together. */
    static final int MAX_DATA_BYTES = 4096;

    private SafetensorsFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        boolean isHeader = data.consumeBoolean();
        int dataBytes = isHeader ? data.consumeInt(0, MAX_DATA_BYTES) : 0;
        byte[] rest = data.consumeRemainingAsBytes();
        Budget.check(
                isHeader ? file(rest, dataBytes) : rest,
                "input.safetensors",
                file -> Checkpoints.read(file, "safetensors", catalog -> checkCovered(file, catalog)));
    }

    private static byte[] file(byte[] header, int dataBytes) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .array());
        bytes.writeBytes(header);
        bytes.writeBytes(new byte[dataBytes]);
        return bytes.toByteArray();
    }

    /** Every byte behind the header belongs to exactly one tensor. */
    private static void checkCovered(Path file, Catalog catalog) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        long covered = Long.BYTES
                + ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            covered += catalog.tensor(ordinal).bytes();
        }
        if (covered != bytes.length) {
            throw new IllegalStateException(covered + " of " + bytes.length + " bytes belong to a tensor");
        }
    }
}
