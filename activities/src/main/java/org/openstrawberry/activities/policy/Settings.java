package org.openstrawberry.activities.policy;

import java.util.List;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.config.ModelSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.config.ScheduleSpec;
import org.openstrawberry.config.WarmupSpec;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.training.LearningRate;
import org.openstrawberry.model.training.OptimizerSettings;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Precision;

/** The run's settings in the model's terms. */
public final class Settings {
    private static final double EPSILON = 1e-8;
    private static final double RMSPROP_ALPHA = 0.99;

    private Settings() {}

    /** The run's model, in the precision that it asks for. */
    static Decoder decoder(Run run) {
        return new Decoder(run.base().config(), precision(run.spec().model().dtype()));
    }

    /** What products are computed in. */
    public static Precision precision(ModelSpec.Dtype dtype) {
        return switch (dtype) {
            case FLOAT32 -> Precision.FLOAT32;
            case BFLOAT16 -> Precision.BFLOAT16;
        };
    }

    /** How thoughts are sampled. */
    public static SamplingSettings of(SamplingSpec spec) {
        return new SamplingSettings(
                spec.temperature(), spec.topK(), spec.topP(), spec.minP(), spec.minNewTokens(), spec.maxNewTokens());
    }

    /** The optimiser of a run or of a reward model. */
    public static OptimizerSettings of(OptimizerSpec spec) {
        return new OptimizerSettings(
                switch (spec.kind()) {
                    case SGD -> OptimizerSettings.Kind.SGD;
                    case ADAM -> OptimizerSettings.Kind.ADAM;
                    case ADAMW -> OptimizerSettings.Kind.ADAMW;
                    case RMSPROP -> OptimizerSettings.Kind.RMSPROP;
                },
                spec.betas().get(0),
                spec.kind() == OptimizerSpec.Kind.RMSPROP
                        ? spec.alpha().orElse(RMSPROP_ALPHA)
                        : spec.betas().get(1),
                spec.epsilon(),
                spec.momentum(),
                spec.weightDecay(),
                switch (spec.decay()) {
                    case MATRICES -> OptimizerSettings.Decay.MATRICES;
                    case ALL -> OptimizerSettings.Decay.ALL;
                });
    }

    static OptimizerSettings of(WarmupSpec spec) {
        return adamW(spec.betas(), spec.weightDecay());
    }

    /** AdamW that leaves norms and biases undecayed. */
    private static OptimizerSettings adamW(List<Double> betas, double weightDecay) {
        return new OptimizerSettings(
                OptimizerSettings.Kind.ADAMW,
                betas.get(0),
                betas.get(1),
                EPSILON,
                0,
                weightDecay,
                OptimizerSettings.Decay.MATRICES);
    }

    /** @param totalSteps length of the course */
    public static LearningRate schedule(ScheduleSpec spec, double peak, int totalSteps) {
        return new LearningRate(
                switch (spec.kind()) {
                    case CONSTANT -> LearningRate.Shape.CONSTANT;
                    case LINEAR -> LearningRate.Shape.LINEAR;
                    case COSINE -> LearningRate.Shape.COSINE;
                },
                peak,
                spec.warmupSteps(),
                totalSteps,
                spec.finalFraction());
    }
}
