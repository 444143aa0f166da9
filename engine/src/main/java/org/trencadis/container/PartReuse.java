package org.trencadis.container;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;
import org.trencadis.codec.Codec;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException;
import org.trencadis.gather.ShardFile.Chunk;

/**
 * Finds out whether a part is in the container already, while its chunks come in any order.
 *
 * <p>The part is reused where one place holds all its chunks, soundly and encoded as this import would. As long as such a
 * place is left, chunks that match it are not stored; when none is left, they are fetched from the last one. So the
 * result depends on neither the order of the chunks nor the number of threads.
 */
final class PartReuse {
    private final ExistingShards existing;
    private final ShardPlan plan;
    private final int part;
    private final Codec codec;
    private final byte[] digests;
    private final BitSet seen = new BitSet();
    private final Set<ExistingShards.Place> damaged = new HashSet<>();
    private ExistingShards.Place place;
    private boolean stored;

    PartReuse(ExistingShards existing, ShardPlan plan, int part, Codec codec) {
        this.existing = existing;
        this.plan = plan;
        this.part = part;
        this.codec = codec;
        this.digests = new byte[plan.chunks(part) * Digests.BYTES];
    }

    /** What is to be done with a chunk. */
    enum Answer {
        /** Nothing: it is there. */
        MATCHED,
        /** Nothing, and the whole part is there. */
        REUSED,
        /** Store it. */
        STORE,
        /** Store it and every chunk of {@link #matched}: the part is not there after all. */
        STORE_ALL
    }

    /**
     * Takes chunk {@code index} of the part.
     *
     * @param sha256 of {@code bytes}
     * @param encoder says how these bytes would be stored
     */
    synchronized Answer offer(int index, ByteBuffer bytes, byte[] sha256, ChunkEncoder encoder) throws IOException {
        if (stored) {
            return Answer.STORE;
        }
        System.arraycopy(sha256, 0, digests, index * Digests.BYTES, Digests.BYTES);
        ExistingShards.Place last = place;
        if (place == null || !fits(place, index, bytes, encoder)) {
            place = existing.find(plan, part, index, sha256, codec, found -> fits(found, index, bytes, encoder));
        }
        if (place == null) {
            place = last;
            stored = true;
            return seen.isEmpty() ? Answer.STORE : Answer.STORE_ALL;
        }
        seen.set(index);
        return seen.cardinality() == plan.chunks(part) ? Answer.REUSED : Answer.MATCHED;
    }

    /** Whether a place holds this chunk, and every chunk seen before, soundly and as they would be stored. */
    private boolean fits(ExistingShards.Place candidate, int index, ByteBuffer bytes, ChunkEncoder encoder)
            throws IOException {
        if (damaged.contains(candidate) || !holdsDigest(candidate, index)) {
            return false;
        }
        boolean isNew = !candidate.equals(place);
        for (int i = seen.nextSetBit(0); isNew && i >= 0; i = seen.nextSetBit(i + 1)) {
            boolean same = holdsDigest(candidate, i)
                    && chunk(candidate, i).codec() == chunk(place, i).codec();
            if (!same || !isSound(candidate, i)) {
                return false;
            }
        }
        Chunk chunk = chunk(candidate, index);
        return chunk.codec() == encoder.codecOf(bytes, chunk.codec()) && isSound(candidate, index);
    }

    private static Chunk chunk(ExistingShards.Place candidate, int index) throws IOException {
        return candidate.shard().chunk(candidate.firstChunk() + index);
    }

    private boolean holdsDigest(ExistingShards.Place candidate, int index) throws IOException {
        byte[] found = candidate.shard().digest(candidate.firstChunk() + index);
        int from = index * Digests.BYTES;
        return Arrays.equals(found, 0, Digests.BYTES, digests, from, from + Digests.BYTES);
    }

    private boolean isSound(ExistingShards.Place candidate, int index) throws IOException {
        try {
            candidate.shard().checkChunk(candidate.firstChunk() + index);
            return true;
        } catch (FormatException e) {
            damaged.add(candidate);
            existing.report(e);
            return false;
        }
    }

    /** Where the part's matched chunks are. */
    synchronized ExistingShards.Place place() {
        return place;
    }

    /** The chunks that were answered with {@link Answer#MATCHED}; final once the part is stored. */
    synchronized BitSet matched() {
        return (BitSet) seen.clone();
    }
}
