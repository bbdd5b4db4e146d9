package org.openstrawberry.model.training;

/** A step would destroy the weights, or has: a gradient or a weight is infinite or no number. */
public final class NotFiniteException extends ArithmeticException {
    private static final long serialVersionUID = 1L;

    /** @param message what is not finite, and what may help */
    public NotFiniteException(String message) {
        super(message);
    }
}
