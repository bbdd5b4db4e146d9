package org.openstrawberry.model.pretrained;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a layer's attention sees and how it knows positions.
 *
 * @param window how many tokens a token attends to, itself included; none is all that stand before it
 * @param rope rotary positions; none where positions are learned vectors
 */
public record LayerAttention(OptionalInt window, Optional<Rope> rope) {
    public LayerAttention {
        if (window.isPresent() && window.getAsInt() < 1) {
            throw new IllegalArgumentException("sliding_window must be at least 1, found " + window.getAsInt());
        }
    }
}
