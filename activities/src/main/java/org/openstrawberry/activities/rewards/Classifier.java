package org.openstrawberry.activities.rewards;

import java.util.List;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.ClassifierSpec;
import reactor.core.publisher.Mono;

/** A sequence-classification model in this process. */
public interface Classifier extends AutoCloseable {
    /** The model's logit of each sample, in their order. Computes on the tensor thread, in its turn, and blocks no other. */
    Mono<List<Double>> scores(List<Sample> samples);

    @Override
    void close();

    /** Opens models. */
    @FunctionalInterface
    interface Loader {
        /** @throws org.openstrawberry.config.InvalidInputException if there is no such model, or it has not one label */
        Classifier load(ClassifierSpec spec);
    }
}
