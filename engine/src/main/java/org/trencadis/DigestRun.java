package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.format.Digests;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.gather.FlatDigests;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.PieceWalk;
import org.trencadis.gather.Workers;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/** Finds or computes the digests of a checkpoint. */
final class DigestRun {
    private final Gatherer gatherer;
    private final Progress progress;

    DigestRun(Gatherer gatherer, Progress progress) {
        this.gatherer = gatherer;
        this.progress = progress;
    }

    /** Stored digests, else those of one walk over every byte. */
    CheckpointDigests whole() throws IOException {
        CatalogDigests stored = CatalogDigests.findStored(gatherer.catalog());
        return stored != null ? of(stored, true) : of(computed(), false);
    }

    /** Reads everything once. */
    CatalogDigests computed() throws IOException {
        PieceWalk walk = new PieceWalk(gatherer, Checkpoint.defaultThreads());
        progress.start(walk.totalBytes());
        return walk.run(null, progress::advance);
    }

    static CheckpointDigests of(CatalogDigests digests, boolean isStored) {
        return new CheckpointDigests(digests.universal(), digests.run(), new TreeMap<>(digests.states()), isStored);
    }

    /** Canonical bytes of all tensors. */
    static long totalBytes(Catalog catalog) throws IOException {
        long bytes = 0;
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            bytes += catalog.tensor(ordinal).bytes();
        }
        return bytes;
    }

    /** The flat digest of each tensor. */
    List<TensorDigest> flat(List<Tensor> tensors) throws IOException {
        progress.start(tensors.stream().mapToLong(Tensor::bytes).sum());
        int[] ordinals = tensors.stream().mapToInt(Tensor::ordinal).toArray();
        byte[][] flat = new FlatDigests(gatherer).ofTensors(ordinals, Checkpoint.defaultThreads(), progress::advance);
        List<TensorDigest> digests = new ArrayList<>();
        for (int i = 0; i < flat.length; i++) {
            digests.add(new TensorDigest(tensors.get(i), flat[i]));
        }
        return digests;
    }

    /** The state digests of {@code tensors} alone, from their stored roots where there are some. */
    SortedMap<String, byte[]> states(List<Tensor> tensors) throws IOException {
        progress.start(tensors.stream().mapToLong(Tensor::bytes).sum());
        byte[][] roots = new byte[tensors.size()][];
        Workers.forEach(Checkpoint.defaultThreads(), roots.length, PieceBuffer::new, (buffer, number) -> {
            Tensor tensor = tensors.get((int) number);
            roots[(int) number] = tensor.root() != null ? tensor.root() : root(tensor, buffer.bytes());
        });
        SortedMap<String, List<Digests.Named>> named = new TreeMap<>();
        for (int at = 0; at < roots.length; at++) {
            Tensor tensor = tensors.get(at);
            named.computeIfAbsent(tensor.state(), key -> new ArrayList<>())
                    .add(new Digests.Named(tensor.name(), roots[at]));
        }
        SortedMap<String, byte[]> states = new TreeMap<>();
        named.forEach((state, list) -> states.put(state, Digests.state(list)));
        return states;
    }

    private byte[] root(Tensor tensor, MemorySegment buffer) throws IOException {
        RootHash root = new RootHash();
        Region whole = Region.whole(tensor.shape());
        Pieces.forEach(tensor, (first, count, bytes) -> {
            MemorySegment piece = buffer.asSlice(0, bytes);
            gatherer.gather(tensor, whole.part(first, count), piece);
            root.update(piece.asByteBuffer());
            progress.advance(bytes);
        });
        return root.finish(tensor);
    }
}
