package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which preferred thought meets which unpreferred one. */
public enum PairOrder {
    /** The k-th of the best K with the k-th of the worst K, both in descending order. */
    @JsonProperty("rank")
    RANK,
    /** The k-th best with the k-th worst. */
    @JsonProperty("extremes")
    EXTREMES,
    /** The k-th best with one drawn from all that are not among the best K. */
    @JsonProperty("best-vs-random")
    BEST_VS_RANDOM
}
