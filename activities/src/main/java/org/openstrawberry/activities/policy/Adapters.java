package org.openstrawberry.activities.policy;

import java.util.Optional;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.LoraSpec;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.LoraConfig;

/** The adapters that a run trains, if it trains adapters. */
public final class Adapters {
    private Adapters() {}

    /**
     * Where they stand, and by what scale.
     *
     * @throws InvalidInputException if a target is no layer of the run's model
     */
    public static Optional<Adapter> of(Run run) {
        return run.spec().model().lora().map(lora -> {
            try {
                return new Adapter(config(lora), run.base().config());
            } catch (IllegalArgumentException e) {
                throw new InvalidInputException("model.lora.targets: " + e.getMessage(), e);
            }
        });
    }

    private static LoraConfig config(LoraSpec spec) {
        return new LoraConfig(spec.rank(), spec.alpha(), spec.rankStabilized(), spec.targets());
    }
}
