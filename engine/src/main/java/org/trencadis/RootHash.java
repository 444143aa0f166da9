package org.trencadis;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatLimits;
import org.trencadis.index.Tensor;

/** The root of one tensor, made while its bytes pass by in any portions. */
final class RootHash {
    private final List<byte[]> pieces = new ArrayList<>();
    private final MessageDigest piece = Digests.sha256();
    private int pieceBytes;

    void update(ByteBuffer bytes) {
        int end = bytes.limit();
        while (bytes.position() < end) {
            int step = Math.min(end - bytes.position(), FormatLimits.CHUNK_BYTES - pieceBytes);
            bytes.limit(bytes.position() + step);
            piece.update(bytes);
            pieceBytes += step;
            if (pieceBytes == FormatLimits.CHUNK_BYTES) {
                finishPiece();
            }
        }
    }

    private void finishPiece() {
        pieces.add(piece.digest());
        pieceBytes = 0;
    }

    byte[] finish(Tensor tensor) {
        if (pieceBytes > 0) {
            finishPiece();
        }
        return Digests.tensorRoot(tensor.dtype().code(), tensor.shape(), pieces);
    }
}
