package org.trencadis.tools;

import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;
import org.trencadis.Checkpoint;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Encoding;
import org.trencadis.index.Extent;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;

/** Where one tensor lies: its copies, their fragments, and of each fragment region, file and offset. */
final class TensorInspection {
    private final Checkpoint checkpoint;
    private final Catalog catalog;

    TensorInspection(Checkpoint checkpoint) {
        this.checkpoint = checkpoint;
        this.catalog = checkpoint.catalog();
    }

    void print(Streams out, Tensor tensor) throws IOException {
        out.fields(
                "tensor",
                Printable.name(tensor.name()),
                Printable.name(tensor.state()),
                tensor.dtype().torchName(),
                Shapes.print(tensor.shape()),
                tensor.bytes() + " bytes");
        if (tensor.blend()) {
            out.fields("blend", "mean of " + tensor.copyCount() + " copies");
        }
        if (tensor.derived()) {
            out.fields("derived", "rounding of its fp32 master");
        }
        if (tensor.root() != null) {
            out.fields("root", Printable.hex(tensor.root()));
        }
        for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
            Copy copy = catalog.copy(tensor, number);
            out.fields(
                    copy.margin() ? "margin" : "copy",
                    number,
                    copy.fragmentCount() + " fragments",
                    copy.complete() ? "complete" : "partial",
                    holders(copy.holders()));
            catalog.forEachFragment(copy, fragment -> printFragment(out, fragment));
        }
    }

    private void printFragment(Streams out, Fragment fragment) throws IOException {
        for (int number = 0; number < fragment.extentCount(); number++) {
            Extent extent = catalog.extent(fragment, number);
            boolean shard = catalog.file(extent.file()).shard();
            out.fields(
                    "fragment",
                    fragment.region(),
                    Printable.name(InspectCommand.fileName(catalog.file(extent.file()))),
                    shard ? "chunk " + extent.firstChunk() : "offset " + extent.offset(),
                    extent.lengthBytes() + " bytes",
                    encoding(fragment),
                    holders(fragment.holders()));
        }
    }

    private String holders(int ordinal) throws IOException {
        List<Long> ranks = catalog.holders(ordinal);
        return ranks.isEmpty()
                ? "-"
                : "ranks " + ranks.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private String encoding(Fragment fragment) throws IOException {
        if (fragment.encoding() < 0) {
            return "canonical";
        }
        Encoding encoding = catalog.encoding(fragment.encoding());
        StringBuilder text = new StringBuilder();
        text.append(encoding.bigEndian() ? " big-endian" : "");
        text.append(encoding.conjugate() ? " conjugate" : "");
        text.append(encoding.negate() ? " negate" : "");
        text.append(encoding.strides() != null ? " strides " + Printable.point(encoding.strides()) : "");
        text.append(encoding.zstd() ? " zstd from " + encoding.streamOffset() : "");
        return text.isEmpty() ? "canonical" : text.substring(1);
    }

    void write(Json json, Tensor tensor) throws IOException {
        json.item(() -> {
            TensorJson.writeHead(json, tensor)
                    .field("blend", tensor.blend())
                    .field("derived", tensor.derived())
                    .field("root", tensor.root());
            json.array("copies", () -> {
                for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
                    writeCopy(json, tensor, number);
                }
            });
        });
    }

    private void writeCopy(Json json, Tensor tensor, int number) throws IOException {
        Copy copy = catalog.copy(tensor, number);
        json.item(() -> {
            json.field("number", number).field("margin", copy.margin()).field("complete", copy.complete());
            json.field("sha256", copy.complete() && !copy.margin() ? checkpoint.copyDigest(tensor, number) : null);
            json.array("holders", () -> catalog.holders(copy.holders()).forEach(json::item));
            json.array("fragments", () -> catalog.forEachFragment(copy, fragment -> writeFragment(json, fragment)));
        });
    }

    private void writeFragment(Json json, Fragment fragment) throws IOException {
        json.item(() -> {
            Box box = fragment.region().box();
            json.object("box", () -> json.field("offsets", box.offsets()).field("extents", box.extents()));
            json.field("start", fragment.region().start())
                    .field("count", fragment.region().count())
                    .field("encoding", encoding(fragment));
            json.array("holders", () -> catalog.holders(fragment.holders()).forEach(json::item));
            json.array("extents", () -> {
                for (int number = 0; number < fragment.extentCount(); number++) {
                    writeExtent(json, catalog.extent(fragment, number));
                }
            });
        });
    }

    private void writeExtent(Json json, Extent extent) throws IOException {
        boolean shard = catalog.file(extent.file()).shard();
        json.item(() -> json.field("file", InspectCommand.fileName(catalog.file(extent.file())))
                .field(shard ? "chunk" : "offset", shard ? extent.firstChunk() : extent.offset())
                .field("bytes", extent.lengthBytes()));
    }
}
