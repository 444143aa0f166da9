package org.trencadis.index;

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

    /** The one tensor that this is under another name, or null where it is made otherwise. */
    public String findRenamed() {
        Piece only = pieces.size() == 1 ? pieces.getFirst() : null;
        return only != null && only.map().isIdentity() ? only.source() : null;
    }
}
