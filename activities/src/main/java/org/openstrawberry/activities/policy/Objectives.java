package org.openstrawberry.activities.policy;

import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.LossKind;
import org.openstrawberry.model.training.Divergence;
import org.openstrawberry.model.training.PreferenceLoss;
import org.openstrawberry.model.training.PreferenceObjective;
import org.openstrawberry.model.training.PreferenceObjective.Weighted;

/** The preference loss of a run in the model's terms. */
public final class Objectives {
    private static final double DISCOPOP_TAU = 0.05;
    private static final double F_ALPHA = 0.5;

    private Objectives() {}

    /**
     * The objective that a specification means. A schedule of β is not looked at: see {@link DpoSpec#at}.
     *
     * @param spec of the loss
     */
    public static PreferenceObjective of(DpoSpec spec) {
        return new PreferenceObjective(
                spec.loss().terms().stream()
                        .map(term -> new Weighted(loss(term.kind(), spec), term.weight()))
                        .toList(),
                spec.beta(),
                divergence(spec),
                spec.ldAlpha().orElse(1.0),
                spec.wpo());
    }

    private static PreferenceLoss loss(LossKind kind, DpoSpec spec) {
        double smoothing = spec.labelSmoothing();
        return switch (kind) {
            case SIGMOID -> new PreferenceLoss.Sigmoid();
            case HINGE -> new PreferenceLoss.Hinge();
            case IPO -> new PreferenceLoss.Ipo();
            case IPO_SUM -> new PreferenceLoss.IpoSum();
            case EXO_PAIR -> new PreferenceLoss.ExoPair(smoothing);
            case NCA_PAIR -> new PreferenceLoss.NcaPair();
            case ROBUST -> new PreferenceLoss.Robust(smoothing);
            case CDPO -> new PreferenceLoss.Cdpo(smoothing);
            case BCO_PAIR -> new PreferenceLoss.BcoPair();
            case SPPO_HARD -> new PreferenceLoss.SppoHard();
            case AOT -> new PreferenceLoss.Aot(smoothing);
            case AOT_UNPAIRED -> new PreferenceLoss.AotUnpaired(smoothing);
            case APO_ZERO -> new PreferenceLoss.ApoZero();
            case APO_DOWN -> new PreferenceLoss.ApoDown();
            case DISCOPOP -> new PreferenceLoss.Discopop(spec.discopopTau().orElse(DISCOPOP_TAU));
            case SFT -> new PreferenceLoss.Sft();
            case SIGMOID_NORM -> new PreferenceLoss.SigmoidNorm();
        };
    }

    private static Divergence divergence(DpoSpec spec) {
        return switch (spec.fDivergence().orElse(DpoSpec.FDivergence.REVERSE_KL)) {
            case REVERSE_KL -> new Divergence.ReverseKl();
            case FORWARD_KL -> new Divergence.ForwardKl();
            case JS_DIVERGENCE -> new Divergence.JensenShannon();
            case ALPHA_DIVERGENCE -> new Divergence.Alpha(spec.fAlpha().orElse(F_ALPHA));
        };
    }
}
