package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** Kinds of preference loss, by TRL's names; cdpo and ipo_sum are ours. The formulas are in {@code docs/losses.md}. */
public enum LossKind {
    /** Direct preference optimisation as first published (Rafailov et al., 2023). */
    @JsonProperty("sigmoid")
    SIGMOID(Of.MARGIN, false),
    /** Sequence likelihood calibration. */
    @JsonProperty("hinge")
    HINGE(Of.MARGIN, false),
    /** Identity preference optimisation on means over tokens. */
    @JsonProperty("ipo")
    IPO(Of.MARGIN, false),
    /** Identity preference optimisation on sums over tokens. */
    @JsonProperty("ipo_sum")
    IPO_SUM(Of.MARGIN, false),
    /** Exact optimisation; needs label smoothing. */
    @JsonProperty("exo_pair")
    EXO_PAIR(Of.MARGIN, true),
    /** Noise contrastive alignment. */
    @JsonProperty("nca_pair")
    NCA_PAIR(Of.SIDES, false),
    /** Robust DPO, for labels some of which are wrong. */
    @JsonProperty("robust")
    ROBUST(Of.MARGIN, true),
    /** Conservative DPO: label smoothing as most programs but TRL take it. */
    @JsonProperty("cdpo")
    CDPO(Of.MARGIN, true),
    /** Binary classifier optimisation. */
    @JsonProperty("bco_pair")
    BCO_PAIR(Of.SIDES, false),
    /** Self-play preference optimisation. */
    @JsonProperty("sppo_hard")
    SPPO_HARD(Of.SIDES, false),
    /** Alignment by optimal transport, of log-ratios. */
    @JsonProperty("aot")
    AOT(Of.SORTED, true),
    /** Alignment by optimal transport, of both sides apart. */
    @JsonProperty("aot_unpaired")
    AOT_UNPAIRED(Of.SORTED, true),
    /** Anchored preference optimisation, for completions better than the policy's. */
    @JsonProperty("apo_zero")
    APO_ZERO(Of.SIDES, false),
    /** Anchored preference optimisation, for completions worse than the policy's. */
    @JsonProperty("apo_down")
    APO_DOWN(Of.SIDES, false),
    /** The loss that a language model found. */
    @JsonProperty("discopop")
    DISCOPOP(Of.MARGIN, false),
    /** Cross-entropy of the preferred completions; knows no reference. */
    @JsonProperty("sft")
    SFT(Of.TOKENS, false),
    /** Length-normalised DPO. */
    @JsonProperty("sigmoid_norm")
    SIGMOID_NORM(Of.MARGIN, false);

    /** What a loss is a function of. */
    private enum Of {
        /** The difference of the two scores. */
        MARGIN,
        /** Each log-ratio by itself. */
        SIDES,
        /** The whole batch's log-ratios, sorted. */
        SORTED,
        /** The preferred completion's tokens. */
        TOKENS
    }

    private final Of of;
    private final boolean smoothed;

    LossKind(Of of, boolean smoothed) {
        this.of = of;
        this.smoothed = smoothed;
    }

    /** As it stands in a run file. */
    public String written() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The kind of a name, if there is one. */
    public static Optional<LossKind> named(String name) {
        return Stream.of(values()).filter(kind -> kind.written().equals(name)).findFirst();
    }

    /** Whether {@code dpo.label-smoothing} has an effect on it. */
    public boolean isSmoothed() {
        return smoothed;
    }

    /** Whether another {@code dpo.f-divergence} has an effect on it. */
    public boolean isOfMargin() {
        return of == Of.MARGIN;
    }

    /** Whether another {@code dpo.f-divergence} would make it wrong. */
    public boolean isOfLogRatios() {
        return of == Of.SIDES || of == Of.SORTED;
    }

    /** Whether it sorts the batch, so that pairs come apart. */
    public boolean isSorting() {
        return of == Of.SORTED;
    }
}
