package org.trencadis.source.distcp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What the bytes before the elements of an item say, read once in full and then known again by comparing bytes.
 *
 * <p>Two items of equal length whose archives begin with the same bytes up to the elements, headers and pickle included,
 * have their elements at the same place and in the same order: torch writes nothing there that tells them apart.
 */
final class ItemHead {
    /** Items of any length: what is stored is compressed. */
    static final long ANY = -1;

    private static final int LOCAL_SIGNATURE = 0x04034b50;
    private static final int LOCAL_BYTES = 30;
    private static final int CHECKSUM_OFFSET = 14;
    private static final int CHECKSUM_BYTES = 4;

    /** Bytes before the first element's storage, or null where the item is not to be recognised by them. */
    private final byte[] bytes;

    /** Position in {@code bytes} of the elements' checksum, which some archives have here. */
    private final int checksumAt;

    private final long itemBytes;
    private final long elementOffsetBytes;
    /** The number of the encoding in the catalog, or -1 for canonical. */
    private final int encoding;

    /**
     * @param head the bytes of the item before the storage of its tensor, or null
     * @param itemBytes the length of the item, or {@link #ANY}
     * @param elementOffsetBytes position of the first element in the item
     */
    ItemHead(byte[] head, long itemBytes, long elementOffsetBytes, int encoding) {
        this.itemBytes = itemBytes;
        this.elementOffsetBytes = elementOffsetBytes;
        this.encoding = encoding;
        this.checksumAt = head == null ? -1 : findChecksum(head);
        this.bytes = checksumAt < 0 ? null : head;
    }

    /** The checksum's place in the local header that ends {@code head}, or -1 where it ends otherwise. */
    private static int findChecksum(byte[] head) {
        ByteBuffer buffer = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = head.length - LOCAL_BYTES; at >= 0; at--) {
            if (buffer.getInt(at) == LOCAL_SIGNATURE) {
                int end = at + LOCAL_BYTES + (buffer.getShort(at + 26) & 0xFFFF) + (buffer.getShort(at + 28) & 0xFFFF);
                return end == head.length ? at + CHECKSUM_OFFSET : -1;
            }
        }
        return -1;
    }

    /** Bytes to compare; 0 where there are none. */
    int headBytes() {
        return bytes == null ? 0 : bytes.length;
    }

    boolean isOf(long otherItemBytes) {
        return itemBytes == ANY || itemBytes == otherItemBytes;
    }

    /** Whether an item begins with {@code other}, of at least {@link #headBytes} bytes. */
    boolean begins(byte[] other) {
        int after = checksumAt + CHECKSUM_BYTES;
        return bytes != null
                && Arrays.equals(bytes, 0, checksumAt, other, 0, checksumAt)
                && Arrays.equals(bytes, after, bytes.length, other, after, bytes.length);
    }

    /** Position of the first element in the item. */
    long elementOffsetBytes() {
        return elementOffsetBytes;
    }

    int encoding() {
        return encoding;
    }
}
