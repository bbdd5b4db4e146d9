package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;

/** What queries attend to: the tokens of the same batch, or a cache. */
interface Attention {
    /**
     * Attends in one layer.
     *
     * @param layer number of the layer
     * @param query float32 [batch, time, heads, headDim], turned and scaled
     * @param key float32 [batch, time, kvHeads, headDim], turned
     * @param value float32 [batch, time, kvHeads, headDim]
     * @return float32 [batch, time, heads · headDim]
     */
    NDArray attend(int layer, NDArray query, NDArray key, NDArray value);
}
