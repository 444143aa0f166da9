package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.zip.CRC32C;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.Section;
import org.trencadis.format.SectionEntry;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Copy;
import org.trencadis.index.Encoding;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Fragment;
import org.trencadis.index.Group;
import org.trencadis.index.IndexImage;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * A sound index with some bytes changed and its checks redone: reading and checking it ends, in an {@link IOException} or
 * well. Without the checks redone nothing behind them would be reached.
 */
public final class IndexFuzzer {
    private static final int HEADER = IndexHeader.LAYOUT.sizeBytes();
    private static final int TABLE = Section.values().length * SectionEntry.LAYOUT.sizeBytes();
    private static final byte[] SOUND = sound();

    private IndexFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        byte[] bytes = SOUND.clone();
        for (int edits = data.consumeInt(1, 8); edits > 0; edits--) {
            int at = data.consumeInt(0, bytes.length - 1);
            byte[] change = data.consumeBytes(data.consumeInt(1, 8));
            System.arraycopy(change, 0, bytes, at, Math.min(change.length, bytes.length - at));
        }
        if (data.consumeBoolean()) {
            bytes = java.util.Arrays.copyOf(bytes, data.consumeInt(0, 2 * bytes.length));
        }
        sign(bytes);
        try (Catalog catalog = Catalog.over(IndexImage.open("fuzz", MemorySegment.ofArray(bytes), () -> {}))) {
            walk(catalog);
            catalog.checkStructure();
        } catch (IOException e) {
            // A fault with a name is what damage should end in.
        }
    }

    private static void walk(Catalog catalog) throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            catalog.findTensor(tensor.name(), tensor.state());
            for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
                Copy copy = catalog.copy(tensor, number);
                catalog.holders(copy.holders());
                catalog.forEachFragment(copy, fragment -> read(catalog, fragment));
            }
        }
        catalog.groups();
        catalog.aliases();
        catalog.attachments();
        catalog.findings();
        catalog.facts();
    }

    private static void read(Catalog catalog, Fragment fragment) throws IOException {
        for (int number = 0; number < fragment.extentCount(); number++) {
            catalog.file(catalog.extent(fragment, number).file());
        }
        if (fragment.encoding() >= 0) {
            catalog.encoding(fragment.encoding());
        }
    }

    /** Makes the checks right wherever the header still says where they stand. */
    private static void sign(byte[] bytes) {
        MemorySegment segment = MemorySegment.ofArray(bytes);
        if (bytes.length < HEADER + TABLE) {
            return;
        }
        long body = Math.clamp(IndexHeader.BODY_BYTES.get(segment, 0), 0L, (long) bytes.length - HEADER);
        int directory = HEADER + (int) body;
        int pages = (int) ((body + FormatLimits.PAGE_BYTES - 1) / FormatLimits.PAGE_BYTES);
        for (int page = 0; page < pages && directory + 4 * page + 4 <= bytes.length; page++) {
            int from = page * FormatLimits.PAGE_BYTES;
            int length = (int) Math.min(FormatLimits.PAGE_BYTES, body - from);
            segment.set(ValueLayout.JAVA_INT_UNALIGNED, directory + 4L * page, crc(bytes, HEADER + from, length));
        }
        IndexHeader.DIRECTORY_CRC.set(
                segment, 0, Integer.toUnsignedLong(crc(bytes, directory, bytes.length - directory)));
        IndexHeader.HEADER_CRC.set(
                segment, 0, Integer.toUnsignedLong(crc(bytes, 0, IndexHeader.HEADER_CRC.offsetBytes())));
    }

    private static int crc(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }

    private static byte[] sound() {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            fill(builder);
            try (Catalog catalog = builder.build("fuzz")) {
                catalog.image().seal();
                return catalog.image().segment().toArray(ValueLayout.JAVA_BYTE);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void fill(CatalogBuilder builder) throws IOException {
        int foreign = builder.addFile(new FileEntry(false, "a.pt", 1000, 1, 2, 3, 4, null));
        int shard = builder.addFile(new FileEntry(true, "", 1000, 0, 0, 0, 0, new byte[] {
            1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8
        }));
        int strides = builder.addEncoding(new Encoding(true, false, false, new long[] {1, 4}));
        int ranks = builder.addHolders(List.of(0L, 3L));
        long[] shape = {4, 3};
        int tensor = builder.addTensor("w", "fp32", Dtype.FLOAT32, shape);
        int cut = builder.addCopy(tensor, ranks);
        builder.addFragment(cut, new Region(Box.whole(shape), 0, 5), -1, ranks, foreign, 0, 20);
        builder.addFragment(cut, new Region(Box.whole(shape), 5, 7), -1, -1, shard, 0, 28);
        builder.addFragment(builder.addCopy(tensor, -1), Region.whole(shape), strides, -1, foreign, 100, 48);
        int margin = builder.addMargin(tensor, -1);
        Region beyond = Region.of(new Box(new long[] {4, 0}, new long[] {1, 3}));
        builder.addFragment(margin, beyond, -1, -1, foreign, 200, 12);
        int model = builder.addTensor("w", "model", Dtype.BFLOAT16, shape);
        builder.addFragment(builder.addCopy(model, -1), Region.whole(shape), -1, -1, shard, 1, 24);
        builder.setDerived(model);
        builder.addGroup(new Group("g", List.of("w"), true, new Value.Mapping(List.of())));
        builder.addAlias("v", "w");
        builder.addAttachment(new Attachment("a", "a.pt", new Value.Tuple(List.of(new Value.Int(5)))));
        builder.addFinding("code", "text");
        builder.addFact("source", new Value.Text("fuzz"));
    }
}
