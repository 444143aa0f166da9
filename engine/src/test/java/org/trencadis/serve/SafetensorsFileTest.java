package org.trencadis.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.gather.Convert;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Any range of the virtual file is that range of the file that the safetensors library would write. */
class SafetensorsFileTest {
    @TempDir
    Path temp;

    private final Random random = new Random(7);

    /** A tensor of this test: its bytes are the next ones of a file of random bytes. */
    private record Made(String name, Dtype dtype, long[] shape, byte[] bytes) {}

    private List<Made> make(Dtype... dtypes) {
        List<Made> made = new ArrayList<>();
        for (Dtype dtype : dtypes) {
            for (long[] shape : List.of(new long[] {}, new long[] {0, 7}, new long[] {4}, new long[] {3, 8})) {
                if (dtype.bits() % 8 == 0 || shape.length > 0) {
                    byte[] bytes =
                            new byte[(int) dtype.bytes(Region.whole(shape).count())];
                    random.nextBytes(bytes);
                    made.add(new Made(
                            dtype.torchName() + "." + shape.length + "é\"\n" + made.size(), dtype, shape, bytes));
                }
            }
        }
        return made;
    }

    /** What is done with the catalog of some tensors. */
    private interface Body {
        void run(Gatherer gatherer) throws IOException;
    }

    private void withCatalog(List<Made> made, Body body) throws IOException {
        Path data = temp.resolve("data");
        byte[] all = new byte[made.stream().mapToInt(each -> each.bytes.length).sum()];
        try (CatalogBuilder builder = new CatalogBuilder();
                FileCache cache = new FileCache()) {
            int at = 0;
            for (Made each : made) {
                System.arraycopy(each.bytes, 0, all, at, each.bytes.length);
                at += each.bytes.length;
            }
            Files.write(data, all);
            FileStamp stamp = FileStamp.of(data);
            int file = builder.addFile(new FileEntry(false, "data", stamp.sizeBytes(), 0, 0, stamp.mtimeNs(), 0, null));
            long offset = 0;
            for (Made each : made) {
                int tensor = builder.addTensor(each.name, "fp32", each.dtype, each.shape);
                int copy = builder.addCopy(tensor, -1);
                builder.addFragment(copy, Region.whole(each.shape), -1, -1, file, offset, each.bytes.length);
                offset += each.bytes.length;
            }
            try (Catalog catalog = builder.build("test");
                    CheckpointFiles files = CheckpointFiles.open(catalog, temp, null, cache)) {
                body.run(new Gatherer(catalog, files));
            }
        }
    }

    private static byte[] read(VirtualFile file, long offset, int bytes) throws IOException {
        byte[] target = new byte[bytes];
        file.read(offset, MemorySegment.ofArray(target));
        return target;
    }

    @Test
    void everyTypeIsWrittenInTheOrderOfTheLibrary() throws IOException {
        Dtype[] known = Stream.of(Dtype.values())
                .filter(dtype -> dtype.safetensorsName() != null)
                .toArray(Dtype[]::new);
        List<Made> made = make(known);
        withCatalog(made, gatherer -> {
            List<ExportedTensor> tensors = ExportSelection.weights(gatherer.catalog(), tensor -> true, null);
            SafetensorsFile file = new SafetensorsFile("f", gatherer, tensors, Map.of("format", "pt"));
            byte[] whole = read(file, 0, (int) file.sizeBytes());
            MemorySegment segment = MemorySegment.ofArray(whole);
            int length = (int) segment.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
            String header = new String(whole, 8, length, StandardCharsets.UTF_8);
            int at = 0;
            int position = 8 + length;
            // As a file of all types by safetensors 0.8.0 has them; F6 types stand where its source ranks them.
            for (String dtype :
                    "U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8 F6_E3M2 F6_E2M3 F4 BOOL"
                            .split(" ")) {
                int next = header.indexOf("\"dtype\":\"" + dtype + "\"");
                assertEquals(true, next > at, dtype + " after the types before it");
                at = next;
            }
            for (ExportedTensor tensor : file.tensors()) {
                Made own = made.stream()
                        .filter(each -> each.name.equals(tensor.name()))
                        .findFirst()
                        .orElseThrow();
                assertArrayEquals(
                        own.bytes, Arrays.copyOfRange(whole, position, position + own.bytes.length), own.name);
                position += own.bytes.length;
            }
            assertEquals(whole.length, position);
            for (int i = 0; i < 500; i++) {
                int from = random.nextInt(whole.length);
                int bytes = random.nextInt(whole.length - from);
                assertArrayEquals(Arrays.copyOfRange(whole, from, from + bytes), read(file, from, bytes));
            }
        });
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "BFLOAT16", "FLOAT32"})
    void anyRangeOfARoundedFileIsThatRangeOfTheWhole(Dtype target) throws IOException {
        List<Made> made = make(Dtype.FLOAT32, Dtype.FLOAT64, Dtype.BFLOAT16, Dtype.FLOAT16, Dtype.INT32);
        withCatalog(made, gatherer -> {
            List<ExportedTensor> tensors = ExportSelection.weights(gatherer.catalog(), tensor -> true, target);
            SafetensorsFile file = new SafetensorsFile("f", gatherer, tensors, Map.of());
            byte[] whole = read(file, 0, (int) file.sizeBytes());
            int position = whole.length
                    - (int) tensors.stream().mapToLong(ExportedTensor::bytes).sum();
            for (ExportedTensor tensor : file.tensors()) {
                Made own = made.stream()
                        .filter(each -> each.name.equals(tensor.name()))
                        .findFirst()
                        .orElseThrow();
                byte[] expected = new byte[(int) tensor.bytes()];
                Convert.convert(
                        own.dtype,
                        MemorySegment.ofArray(own.bytes),
                        0,
                        tensor.dtype(),
                        MemorySegment.ofArray(expected),
                        0,
                        tensor.tensor().elements());
                assertArrayEquals(expected, Arrays.copyOfRange(whole, position, position + expected.length), own.name);
                position += expected.length;
            }
            for (int i = 0; i < 300; i++) {
                int from = random.nextInt(whole.length);
                int bytes = random.nextInt(whole.length - from);
                assertArrayEquals(Arrays.copyOfRange(whole, from, from + bytes), read(file, from, bytes));
            }
        });
    }
}
