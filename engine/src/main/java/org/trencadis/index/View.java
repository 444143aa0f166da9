package org.trencadis.index;

import java.util.Arrays;
import java.util.List;
import org.trencadis.tensor.BoxMap;

/**
 * A tensor made of parts of others, under a name of its own. No byte is copied for it.
 *
 * @param shape its logical extents
 * @param pieces what it is made of; a piece beyond the shape is a margin
 */
public record View(String name, long[] shape, List<Piece> pieces) {
    public View {
        pieces = List.copyOf(pieces);
    }

    /**
     * A part of a tensor, and where it stands.
     *
     * @param source name of the tensor
     */
    public record Piece(String source, BoxMap map) {}

    /** The tensor {@code source} as it is. */
    public static View of(String source, long[] shape) {
        return new View(source, shape, List.of(new Piece(source, BoxMap.identity(shape))));
    }

    /** Whether this is nothing but {@code tensor} under another name. */
    boolean isRenamed(Tensor tensor) {
        return pieces.size() == 1
                && Arrays.equals(shape, tensor.shape())
                && pieces.getFirst().map().equals(BoxMap.identity(shape));
    }
}
