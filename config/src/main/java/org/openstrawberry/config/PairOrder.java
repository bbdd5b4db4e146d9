package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which preferred thought meets which unpreferred one. */
public enum PairOrder {
    /** The k-th of the best K with the k-th of the worst K, both in descending order. */
    @JsonProperty("rank")
    RANK,
    /** The k-th best with the k-th worst. */
    @JsonProperty("extremes")
    EXTREMES
}
