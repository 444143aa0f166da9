package org.trencadis.verify;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.trencadis.format.Digests;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.ShardFile;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Coverage;
import org.trencadis.index.Extent;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/**
 * Checks one open checkpoint, tensor by tensor: what the catalog says, whether copies agree, and every byte. Safe for
 * several threads, each with a buffer of one chunk.
 */
public final class CheckpointCheck {
    private static final MemorySegment NOTHING = MemorySegment.ofArray(new byte[0]);

    private final Gatherer gatherer;
    private final Catalog catalog;
    private final Path shards;
    private final ShardSet open;
    private final Findings findings;
    private final String heal;

    /**
     * A check of what {@code gatherer} reads.
     *
     * @param shards directory of shard files, or null
     * @param heal the command that heals whatever is damaged, or null
     */
    public CheckpointCheck(Gatherer gatherer, Path shards, ShardSet open, Findings findings, String heal) {
        this.gatherer = gatherer;
        this.catalog = gatherer.catalog();
        this.shards = shards;
        this.open = open;
        this.findings = findings;
        this.heal = heal;
    }

    /** Checks that each file is there: shards with all their records right, originals with the stamps that are recorded. */
    public void checkFiles() throws IOException {
        for (int ordinal = 0; ordinal < catalog.fileCount(); ordinal++) {
            int number = ordinal;
            findings.passes(
                    () -> {
                        FileEntry entry = catalog.file(number);
                        if (entry.shard()) {
                            open.open(shardFile(entry));
                        } else {
                            // Reads nothing, but opens the file, which compares its stamp.
                            gatherer.files().read(new Extent(number, 0, 0), 0, NOTHING, 0, 0);
                        }
                    },
                    damage -> damage.healedBy(heal));
        }
    }

    private Path shardFile(FileEntry entry) {
        return shards.resolve(ShardFile.fileName(entry.digest()));
    }

    /**
     * Checks the records of a tensor and its coverage: copy 0 and each copy of a blend hold each element once.
     *
     * @return whether its records can be read
     */
    public boolean checkStructure(int ordinal) throws IOException {
        Tensor[] met = new Tensor[1];
        return findings.passes(
                () -> {
                    met[0] = catalog.tensor(ordinal);
                    for (int number = 0; number < met[0].copyCount(); number++) {
                        checkCopy(met[0], number);
                    }
                },
                damage -> met[0] == null
                        ? damage.healedBy(heal)
                        : damage.in(met[0], null).healedBy(heal));
    }

    private void checkCopy(Tensor tensor, int number) throws IOException {
        Copy copy = catalog.copy(tensor, number);
        catalog.forEachFragment(copy, fragment -> {
            for (int extent = 0; extent < fragment.extentCount(); extent++) {
                catalog.file(catalog.extent(fragment, extent).file());
            }
        });
        if (number > 0 && !tensor.blend() && !copy.complete()) {
            return;
        }
        Coverage.Fault fault = Coverage.findFault(
                tensor.shape(), sink -> catalog.forEachFragment(copy, fragment -> sink.accept(fragment.region())));
        if (fault != null) {
            findings.add(Damage.of(
                            fault.times() == 0 ? "hole" : "overlap",
                            "copy " + number + " covers element " + Arrays.toString(fault.point()) + " " + fault.times()
                                    + " times instead of once")
                    .in(tensor, Arrays.toString(fault.point()))
                    .healedBy(heal));
        }
    }

    /** Compares the replicas of a tensor with its copy 0, wherever they hold elements. */
    public void checkCopies(Tensor tensor, MemorySegment buffer) throws IOException {
        for (int number = 1; number < tensor.copyCount() && !tensor.blend(); number++) {
            int copy = number;
            findings.passes(
                    () -> catalog.forEachFragment(
                            catalog.copy(tensor, copy), fragment -> compare(tensor, copy, fragment, buffer)),
                    damage -> damage.in(tensor, null).healedBy(heal));
        }
    }

    private void compare(Tensor tensor, int copy, Fragment fragment, MemorySegment buffer) throws IOException {
        long half = buffer.byteSize() / 2;
        long step = half * 8 / tensor.dtype().bits() / 8 * 8;
        Region region = fragment.region();
        for (long done = 0; done < region.count(); done += step) {
            Region part = region.part(done, Math.min(step, region.count() - done));
            long bytes = tensor.dtype().bytes(part.count());
            MemorySegment first = buffer.asSlice(0, bytes);
            MemorySegment other = buffer.asSlice(half, bytes);
            gatherer.gatherCopy(tensor, 0, part, first);
            gatherer.gatherCopy(tensor, copy, part, other);
            long mismatch = first.mismatch(other);
            if (mismatch >= 0) {
                long element = part.start() + mismatch * 8 / tensor.dtype().bits();
                String point = Arrays.toString(part.box().unflatten(element));
                findings.add(Damage.of(
                                "copies",
                                "copy " + copy + " differs from copy 0, first at element " + point + " (files: "
                                        + String.join(", ", files(tensor, fragment)) + ")")
                        .in(tensor, region)
                        .healedBy(heal));
                return;
            }
        }
    }

    private Set<String> files(Tensor tensor, Fragment fragment) throws IOException {
        Set<String> names = new TreeSet<>();
        names.add(name(fragment));
        catalog.forEachFragment(catalog.copy(tensor, 0), own -> {
            boolean meets =
                    own.region().box().findIntersection(fragment.region().box()) != null;
            if (meets && names.size() < 4) {
                names.add(name(own));
            }
        });
        return names;
    }

    private String name(Fragment fragment) throws IOException {
        FileEntry entry = catalog.file(catalog.extent(fragment, 0).file());
        return entry.shard() ? ShardFile.fileName(entry.digest()) : entry.path();
    }

    /**
     * Reads every byte of a tensor: chunks against their CRC32C and SHA-256, and the tensor against its root.
     *
     * @return bytes that were read
     */
    public long checkData(Tensor tensor, MemorySegment buffer) throws IOException {
        long bytes = 0;
        boolean intact = true;
        for (int number = 0; number < tensor.copyCount() + tensor.marginCount(); number++) {
            Copy copy = catalog.copy(tensor, number);
            for (long at = 0; at < copy.fragmentCount(); at++) {
                Fragment fragment = catalog.fragment(copy, at);
                long read = checkFragment(tensor, number, fragment, buffer);
                intact &= read >= 0;
                bytes += Math.max(read, 0);
            }
        }
        if (intact && tensor.root() != null) {
            findings.passes(
                    () -> checkRoot(tensor), damage -> damage.in(tensor, null).healedBy(heal));
        }
        return bytes;
    }

    private long checkFragment(Tensor tensor, int copy, Fragment fragment, MemorySegment buffer) throws IOException {
        if (!catalog.file(catalog.extent(fragment, 0).file()).shard()) {
            return readForeign(tensor, copy, fragment, buffer);
        }
        long bytes = 0;
        boolean intact = true;
        for (int number = 0; number < fragment.extentCount(); number++) {
            Extent extent = catalog.extent(fragment, number);
            Path file = shardFile(catalog.file(extent.file()));
            ShardFile[] shard = new ShardFile[1];
            if (!findings.passes(
                    () -> shard[0] = open.open(file),
                    damage -> damage.in(tensor, fragment.region())
                            .inFile(file.toString(), damage.offsetBytes())
                            .healedBy(heal))) {
                intact = false;
                continue;
            }
            for (int i = 0; i < ShardSet.chunks(extent.lengthBytes()); i++) {
                int ordinal = Math.toIntExact(extent.offset() + i);
                long[] read = new long[1];
                intact &= findings.passes(
                        () -> read[0] = open.check(shard[0], ordinal, buffer),
                        damage -> damage.in(tensor, fragment.region())
                                .inChunk(ordinal)
                                .inFile(file.toString(), damage.offsetBytes())
                                .healedBy(heal));
                bytes += read[0];
            }
        }
        return intact ? bytes : -1;
    }

    private long readForeign(Tensor tensor, int copy, Fragment fragment, MemorySegment buffer) throws IOException {
        Region region = fragment.region();
        long step = buffer.byteSize() * 8 / tensor.dtype().bits() / 8 * 8;
        boolean intact = findings.passes(
                () -> {
                    for (long done = 0; done < region.count(); done += step) {
                        long count = Math.min(step, region.count() - done);
                        MemorySegment part = buffer.asSlice(0, tensor.dtype().bytes(count));
                        gatherer.gatherCopy(tensor, copy, region.part(done, count), part);
                    }
                },
                damage -> damage.in(tensor, region).healedBy(heal));
        return intact ? tensor.dtype().bytes(region.count()) : -1;
    }

    /** Compares the recorded root with that of the chunks, which were checked, or with that of the bytes. */
    private void checkRoot(Tensor tensor) throws IOException {
        byte[] actual = findRootOfChunks(tensor);
        if (actual != null && !Arrays.equals(actual, tensor.root())) {
            findings.add(Damage.of(
                            "root",
                            "the root of the stored bytes is " + HexFormat.of().formatHex(actual)
                                    + ", recorded is "
                                    + HexFormat.of().formatHex(tensor.root()))
                    .in(tensor, null)
                    .healedBy(heal));
        }
    }

    /** The root where one fragment holds the whole tensor in chunks, as an import stores it, else null. */
    private byte[] findRootOfChunks(Tensor tensor) throws IOException {
        List<byte[]> pieces = new ArrayList<>();
        Copy copy = catalog.copy(tensor, 0);
        if (tensor.blend() || copy.fragmentCount() > 1) {
            return null;
        }
        if (copy.fragmentCount() == 1) {
            Fragment fragment = catalog.fragment(copy, 0);
            for (int number = 0; number < fragment.extentCount(); number++) {
                Extent extent = catalog.extent(fragment, number);
                ShardFile shard = open.open(shardFile(catalog.file(extent.file())));
                for (int i = 0; i < ShardSet.chunks(extent.lengthBytes()); i++) {
                    pieces.add(shard.digest(Math.toIntExact(extent.offset() + i)));
                }
            }
        }
        return Digests.tensorRoot(tensor.dtype().code(), tensor.shape(), pieces);
    }
}
