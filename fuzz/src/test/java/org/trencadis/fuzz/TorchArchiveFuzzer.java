package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Any bytes as a file of torch.save, read to its catalog and its tensors. The last byte says what the rest is: the file
 * itself, the pickle of an archive whose records are sound, or what follows the head of the old stream; without that
 * hardly anything behind the directory would be reached.
 */
public final class TorchArchiveFuzzer {
    /** The pickled magic number, protocol and facts about the system of the old stream. */
    private static final byte[] STREAM_HEAD =
            HexFormat.of().parseHex("80028a0a6cfc9c46f9206aa850192e" + "80024de9032e" + "80027d71002e");

    private static final int STORAGES = 4;
    private static final int STORAGE_BYTES = 64;

    private TorchArchiveFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        int kind = data.consumeByte() & 3;
        byte[] rest = data.consumeRemainingAsBytes();
        byte[] bytes = switch (kind) {
            case 1 -> archive(rest);
            case 2 -> stream(rest);
            default -> rest;
        };
        Budget.check(bytes, "input.pt", file -> Checkpoints.read(file, "torchsave", catalog -> {}));
    }

    private static byte[] stream(byte[] rest) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(STREAM_HEAD);
        bytes.writeBytes(rest);
        return bytes.toByteArray();
    }

    private static byte[] archive(byte[] pickle) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            put(zip, "archive/data.pkl", pickle);
            for (int number = 0; number < STORAGES; number++) {
                put(zip, "archive/data/" + number, new byte[STORAGE_BYTES]);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(content);
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
    }
}
