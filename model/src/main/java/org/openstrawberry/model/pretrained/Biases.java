package org.openstrawberry.model.pretrained;

/**
 * Which linear layers have a bias.
 *
 * @param queryKeyValue the projections to query, key and value
 * @param attentionOutput the projection behind attention
 * @param feedForward those of the feed-forward part
 */
public record Biases(boolean queryKeyValue, boolean attentionOutput, boolean feedForward) {
    /** None of them. */
    public static final Biases NONE = new Biases(false, false, false);

    /** All of them. */
    public static final Biases ALL = new Biases(true, true, true);
}
