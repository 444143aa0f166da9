package org.trencadis.gather;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.trencadis.format.Digests;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/** One string of canonical bytes of a walk: a tensor's, one copy's of a blend, a margin's; and the digests of its pieces. */
final class Lane {
    /** What the digests of a lane make up. */
    enum Role {
        /** The tensor's root. */
        ROOT,
        /** The root of one copy of a blend. */
        COPY_ROOT,
        /** Nothing: margins are outside digests. */
        NONE
    }

    /** Where the bytes come from, besides a copy's number. */
    static final int COMBINED = -1;

    static final int AVERAGED = -2;

    /** For bytes that are hashed but not handed out. */
    static final int NOT_STORED = -1;

    final Tensor tensor;
    final Role role;
    /** Number of the copy that is read, {@link #COMBINED} or {@link #AVERAGED}. */
    final int readCopy;
    /** Number under which pieces are handed out, or {@link #NOT_STORED}. */
    final int storedCopy;

    final boolean checked;
    final Region region;
    final long bytes;
    final long pieces;
    private final AtomicLong open;
    private byte[] digests;

    Lane(Tensor tensor, Role role, int readCopy, int storedCopy, boolean checked, Region region) {
        this.tensor = tensor;
        this.role = role;
        this.readCopy = readCopy;
        this.storedCopy = storedCopy;
        this.checked = checked;
        this.region = region;
        this.bytes = tensor.dtype().bytes(region.count());
        this.pieces = PieceBytes.count(bytes);
        this.open = new AtomicLong(pieces);
    }

    /** Takes the digest of a piece; true for the last one to come. */
    boolean add(long piece, byte[] sha256) {
        if (role != Role.NONE) {
            synchronized (this) {
                if (digests == null) {
                    digests = new byte[Math.toIntExact(Math.multiplyExact(pieces, Digests.BYTES))];
                }
                System.arraycopy(sha256, 0, digests, (int) piece * Digests.BYTES, Digests.BYTES);
            }
        }
        return open.decrementAndGet() == 0;
    }

    /** The root over all pieces, when all came; forgets them. */
    synchronized byte[] root() {
        List<byte[]> list = digests == null ? List.of() : new PieceList(digests);
        digests = null;
        return Digests.tensorRoot(tensor.dtype().code(), tensor.shape(), list);
    }

    /** Digests that stand one after the other, as a list. */
    private static final class PieceList extends java.util.AbstractList<byte[]> {
        private final byte[] digests;

        PieceList(byte[] digests) {
            this.digests = digests;
        }

        @Override
        public byte[] get(int piece) {
            return java.util.Arrays.copyOfRange(digests, piece * Digests.BYTES, (piece + 1) * Digests.BYTES);
        }

        @Override
        public int size() {
            return digests.length / Digests.BYTES;
        }
    }
}
