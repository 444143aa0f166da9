package org.trencadis.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/**
 * How digests are made of digests (SPEC.md, "Digests"): all in logical coordinates, so the same state has the same
 * digest whatever layout wrote it. Each kind starts with its own domain tag.
 */
public final class Digests {
    /** Bytes of a digest. */
    public static final int BYTES = 32;

    private static final byte[] ROOT_TAG = tag("trencadis tensor root 0");
    private static final byte[] STATE_TAG = tag("trencadis state digest 0");
    private static final byte[] UNIVERSAL_TAG = tag("trencadis universal digest 0");
    private static final byte[] RUN_TAG = tag("trencadis run digest 0");

    private Digests() {}

    /** A name with a digest: a tensor with its root, or a state with its digest. */
    public record Named(String name, byte[] digest) {}

    /** A fresh SHA-256. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    /**
     * The tensor root.
     *
     * @param dtypeCode canonical code of the element type
     * @param pieces the SHA-256 of each {@link FormatLimits#CHUNK_BYTES} piece of the little-endian row-major bytes, in
     *     order; none for a tensor without elements
     */
    public static byte[] tensorRoot(int dtypeCode, long[] shape, List<byte[]> pieces) {
        MessageDigest digest = sha256();
        digest.update(ROOT_TAG);
        digest.update((byte) dtypeCode);
        digest.update((byte) shape.length);
        ByteBuffer extents = ByteBuffer.allocate(8 * shape.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long extent : shape) {
            extents.putLong(extent);
        }
        digest.update(extents.array());
        pieces.forEach(digest::update);
        return digest.digest();
    }

    /** The digest of one state: {@code tensors} are its names and roots, sorted by the names' UTF-8 bytes. */
    public static byte[] state(Iterable<Named> tensors) {
        return named(STATE_TAG, tensors);
    }

    /**
     * The universal digest: {@code states} are the states and their digests over tensors that are not derived, sorted by
     * name; a state without such a tensor is left out.
     */
    public static byte[] universal(Iterable<Named> states) {
        return named(UNIVERSAL_TAG, states);
    }

    /** The run digest of the canonical form of groups and loss scaler. */
    public static byte[] run(Value canonical) {
        MessageDigest digest = sha256();
        digest.update(RUN_TAG);
        digest.update(ValueCodec.encode(canonical));
        return digest.digest();
    }

    private static byte[] named(byte[] tag, Iterable<Named> items) {
        MessageDigest digest = sha256();
        digest.update(tag);
        for (Named item : items) {
            byte[] name = item.name().getBytes(StandardCharsets.UTF_8);
            digest.update(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(name.length)
                    .flip());
            digest.update(name);
            digest.update(item.digest());
        }
        return digest.digest();
    }

    private static byte[] tag(String text) {
        return (text + "\0").getBytes(StandardCharsets.UTF_8);
    }
}
