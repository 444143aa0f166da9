package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.function.LongConsumer;
import org.trencadis.format.Digests;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/**
 * Flat digests: SHA-256 over a tensor's canonical bytes from first to last, what
 * {@code hashlib.sha256(t.numpy().tobytes())} prints. Blends are taken as {@link Gatherer} combines them.
 */
public final class FlatDigests {
    private final Gatherer gatherer;

    public FlatDigests(Gatherer gatherer) {
        this.gatherer = gatherer;
    }

    /**
     * The flat digests of the tensors of some ordinals, in that order.
     *
     * @param progress is told the bytes of each part that is done, by several threads
     */
    public byte[][] ofTensors(int[] ordinals, int threads, LongConsumer progress) throws IOException {
        long[] bytes = new long[ordinals.length];
        for (int position = 0; position < bytes.length; position++) {
            bytes[position] = gatherer.catalog().tensor(ordinals[position]).bytes();
        }
        byte[][] digests = new byte[ordinals.length][];
        TensorStream.forEach(bytes, threads, (position, buffer) -> {
            Tensor tensor = gatherer.catalog().tensor(ordinals[position]);
            digests[position] = digest(
                    tensor,
                    Region.whole(tensor.shape()),
                    (region, target) -> gatherer.gather(tensor, region, target),
                    buffer,
                    progress);
        });
        gatherer.files().checkUnchanged();
        return digests;
    }

    /** The flat digest of one tensor. */
    public byte[] ofTensor(Tensor tensor) throws IOException {
        return ofTensors(new int[] {tensor.ordinal()}, 1, done -> {})[0];
    }

    /** The flat digest of one copy, which must be complete; from {@code copyCount} on, of a margin's box. */
    public byte[] ofCopy(Tensor tensor, int copy) throws IOException {
        byte[] digest = digest(
                tensor,
                gatherer.copyRegion(tensor, copy),
                (region, target) -> gatherer.gatherCopy(tensor, copy, region, target),
                new byte[TensorStream.BLOCK_BYTES],
                done -> {});
        gatherer.files().checkUnchanged();
        return digest;
    }

    private static byte[] digest(
            Tensor tensor, Region whole, PieceBytes.Source source, byte[] buffer, LongConsumer progress)
            throws IOException {
        MessageDigest digest = Digests.sha256();
        MemorySegment segment = MemorySegment.ofArray(buffer);
        TensorStream.read(
                tensor,
                whole,
                source,
                segment,
                progress,
                (from, elements) ->
                        digest.update(buffer, 0, (int) tensor.dtype().bytes(elements)));
        return digest.digest();
    }
}
