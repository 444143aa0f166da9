package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.trencadis.format.Digests;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.PieceWalk;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/** Finds or computes the digests of a checkpoint. */
final class DigestRun {
    private final Checkpoint checkpoint;
    private final Gatherer gatherer;
    private final Progress progress;

    DigestRun(Checkpoint checkpoint, Gatherer gatherer, Progress progress) {
        this.checkpoint = checkpoint;
        this.gatherer = gatherer;
        this.progress = progress;
    }

    /** Stored digests, else those of one walk over every byte. */
    CheckpointDigests whole() throws IOException {
        CatalogDigests stored = CatalogDigests.findStored(checkpoint.catalog());
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
        TensorDigest[] digests = new TensorDigest[tensors.size()];
        largestFirst(tensors, (tensor, at, buffer) -> {
            MessageDigest flat = Digests.sha256();
            read(tensor, buffer, flat::update);
            digests[at] = new TensorDigest(tensor, flat.digest());
        });
        return List.of(digests);
    }

    /** The state digests of {@code tensors} alone, from their stored roots where there are some. */
    SortedMap<String, byte[]> states(List<Tensor> tensors) throws IOException {
        byte[][] roots = new byte[tensors.size()][];
        largestFirst(tensors, (tensor, at, buffer) -> {
            if (tensor.root() != null) {
                roots[at] = tensor.root();
                return;
            }
            RootHash root = new RootHash();
            read(tensor, buffer, root::update);
            roots[at] = root.finish(tensor);
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

    /** What is done with one tensor on one thread. */
    @FunctionalInterface
    private interface TensorTask {
        void run(Tensor tensor, int at, MemorySegment buffer) throws IOException;
    }

    /** Runs {@code task} for each tensor on several threads, so that none is left with a large one at the end. */
    private void largestFirst(List<Tensor> tensors, TensorTask task) throws IOException {
        Integer[] order = new Integer[tensors.size()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparingLong((Integer at) -> -tensors.get(at).bytes()));
        progress.start(tensors.stream().mapToLong(Tensor::bytes).sum());
        Workers.run(Checkpoint.defaultThreads(), order.length, PieceBuffer::new, (buffer, number) -> {
            int at = order[(int) number];
            task.run(tensors.get(at), at, buffer.bytes());
        });
    }

    /** The flat digest of one copy of a tensor, which must be complete. */
    byte[] flatOfCopy(Tensor tensor, int copy) throws IOException {
        MessageDigest flat = Digests.sha256();
        try (PieceBuffer buffer = new PieceBuffer()) {
            Pieces.forEach(tensor, (first, count, bytes) -> {
                MemorySegment piece = buffer.bytes().asSlice(0, bytes);
                gatherer.gatherCopy(tensor, copy, new Region(Box.whole(tensor.shape()), first, count), piece);
                flat.update(piece.asByteBuffer());
            });
        }
        return flat.digest();
    }

    private void read(Tensor tensor, MemorySegment buffer, Consumer<ByteBuffer> sink) throws IOException {
        Pieces.forEach(tensor, (first, count, bytes) -> {
            MemorySegment piece = buffer.asSlice(0, bytes);
            gatherer.gather(tensor, new Region(Box.whole(tensor.shape()), first, count), piece);
            sink.accept(piece.asByteBuffer());
            progress.advance(bytes);
        });
    }
}
