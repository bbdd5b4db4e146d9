package org.openstrawberry.model.transformer;

import ai.djl.pytorch.jni.JniUtils;

/**
 * Turns the recording of gradients off on the calling thread until it is closed, then puts the former mode back. The
 * engine switches it off only on the thread that starts it, so whoever generates or evaluates must do so itself.
 */
public final class NoGradient implements AutoCloseable {
    private final boolean before = JniUtils.isGradMode();

    private NoGradient() {
        JniUtils.setGradMode(false);
    }

    /**
     * Opens a stretch of code without gradients.
     *
     * @return to be closed on the same thread
     */
    public static NoGradient open() {
        return new NoGradient();
    }

    @Override
    public void close() {
        JniUtils.setGradMode(before);
    }
}
