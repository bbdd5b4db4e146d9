package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsWriter;
import org.openstrawberry.model.training.OptimizerSettings.Decay;
import org.openstrawberry.model.training.OptimizerSettings.Kind;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Tensors;
import org.openstrawberry.model.transformer.TinyModel;

class OptimizerTest {
    private static final Map<String, float[]> START = Map.of("matrix", new float[] {1, -2}, "gain", new float[] {3});

    private NDManager manager;

    static List<OptimizerSettings> all() {
        return List.of(
                OptimizerSettings.adamW(0.01, Decay.ALL),
                new OptimizerSettings(Kind.ADAM, 0.9, 0.98, 1e-8, 0, 0.01, Decay.MATRICES),
                OptimizerSettings.rmsProp(0.9, 0),
                OptimizerSettings.rmsProp(0.99, 0.9),
                OptimizerSettings.sgd(0),
                OptimizerSettings.sgd(0.9));
    }

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("all")
    void threeStepsEqualTwoStepsSavedAndRestoredAndOneMore(OptimizerSettings settings, @TempDir Path directory) {
        ModelConfig config = TinyModel.config();
        Weights straight = TinyModel.weights(config, 1, manager);
        Weights interrupted = straight.copy(manager);
        Trial trial = new Trial(config);
        try (Optimizer optimizer = Optimizer.of(settings, manager)) {
            for (int i = 0; i < 3; i++) {
                trial.step(straight, optimizer);
            }
        }
        Path weightsFile = directory.resolve("weights.safetensors");
        Path stateFile = directory.resolve("state.safetensors");
        long steps;
        try (Optimizer first = Optimizer.of(settings, manager)) {
            trial.step(interrupted, first);
            trial.step(interrupted, first);
            interrupted.save(weightsFile);
            SafetensorsWriter.write(stateFile, first.state());
            steps = first.steps();
        }
        try (Weights resumed = Weights.load(weightsFile, manager);
                Weights state = Weights.load(stateFile, manager);
                Optimizer second = Optimizer.of(settings, manager)) {
            second.restore(state.asMap(), steps);
            trial.step(resumed, second);
            assertThat(second.steps()).isEqualTo(3);
            for (String name : straight.names()) {
                assertThat(resumed.get(name).toFloatArray())
                        .as(name)
                        .containsExactly(straight.get(name).toFloatArray());
            }
        }
    }

    @Test
    void adamWPullsApartFromTheGradient() {
        Weights weights = weights();
        // Gradients of zero move nothing: what is left is the decay, 1 − 0.1 · 0.5.
        apply(weights, OptimizerSettings.adamW(0.5, Decay.ALL), 0.1, 0);
        assertThat(weights.get("matrix").toFloatArray()).containsExactly(new float[] {0.95f, -1.9f}, within(1e-6f));
        assertThat(weights.get("gain").toFloatArray()).containsExactly(new float[] {2.85f}, within(1e-6f));
    }

    @Test
    void decayOfMatricesSparesGains() {
        Weights weights = weights();
        apply(weights, OptimizerSettings.adamW(0.5, Decay.MATRICES), 0.1, 0);
        assertThat(weights.get("matrix").toFloatArray()).containsExactly(new float[] {0.95f, -1.9f}, within(1e-6f));
        assertThat(weights.get("gain").toFloatArray()).containsExactly(3);
    }

    @Test
    void adamPullsThroughTheGradient() {
        Weights weights = weights();
        // The first step of Adam is the rate times the sign of the gradient, here that of the decay alone.
        apply(weights, new OptimizerSettings(Kind.ADAM, 0.9, 0.999, 1e-8, 0, 0.5, Decay.ALL), 0.1, 0);
        assertThat(weights.get("matrix").toFloatArray()).containsExactly(new float[] {0.9f, -1.9f}, within(1e-6f));
    }

    @Test
    void momentumAddsTheOldDirection() {
        Weights weights = weights();
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0.5), manager)) {
            optimizer.step(weights, gradients(1), 0.1, 1); // direction 1
            optimizer.step(weights, gradients(1), 0.1, 1); // direction 0.5 + 1
        }
        assertThat(weights.get("gain").toFloatArray()).containsExactly(new float[] {2.75f}, within(1e-6f));
    }

    /** By torch.optim.RMSprop's documentation: v ← αv + (1−α)g², b ← μb + g/(√v + ε), θ ← θ − γb. */
    @Test
    void rmsPropDividesByTheRootOfTheRunningMeanSquare() {
        Weights weights = weights();
        double weight = 3;
        double square = 0;
        double momentum = 0;
        try (Optimizer optimizer =
                Optimizer.of(new OptimizerSettings(Kind.RMSPROP, 0.9, 0.5, 1e-2, 0.25, 0.1, Decay.ALL), manager)) {
            for (float gradient : new float[] {1, -2, 0.5f}) {
                optimizer.step(weights, gradients(gradient), 0.1, 1);
                double decayed = gradient + 0.1 * weight;
                square = 0.5 * square + 0.5 * decayed * decayed;
                momentum = 0.25 * momentum + decayed / (Math.sqrt(square) + 1e-2);
                weight -= 0.1 * momentum;
                assertThat(weights.get("gain").toFloatArray())
                        .containsExactly(new float[] {(float) weight}, within(1e-6f));
            }
        }
    }

    @Test
    void settingsOfAnotherKindAreRefused() {
        for (OptimizerSettings settings : List.of(
                OptimizerSettings.adamW(0, Decay.ALL), OptimizerSettings.rmsProp(0.99, 0), OptimizerSettings.sgd(0))) {
            try (Optimizer optimizer = Optimizer.of(settings, manager)) {
                optimizer.use(settings);
                for (Kind kind : List.of(Kind.RMSPROP, Kind.SGD, Kind.ADAM)) {
                    if (kind != settings.kind() && !(kind == Kind.ADAM && settings.kind() == Kind.ADAMW)) {
                        OptimizerSettings other = new OptimizerSettings(kind, 0.9, 0.9, 1e-8, 0, 0, Decay.ALL);
                        assertThatThrownBy(() -> optimizer.use(other)).hasMessageStartingWith("kind: found " + kind);
                    }
                }
            }
        }
    }

    @Test
    void gradientsAreScaledBeforeAllElse() {
        for (OptimizerSettings settings : all()) {
            Weights scaled = weights();
            Weights smaller = weights();
            try (Optimizer one = Optimizer.of(settings, manager);
                    Optimizer other = Optimizer.of(settings, manager)) {
                for (int step = 0; step < 3; step++) {
                    one.step(scaled, gradients(4 + step), 0.1, 0.25);
                    other.step(smaller, gradients((4 + step) / 4f), 0.1, 1);
                }
            }
            smaller.asMap()
                    .forEach((name, expected) ->
                            assertThat(scaled.get(name).toFloatArray()).containsExactly(expected.toFloatArray()));
        }
    }

    @Test
    void aMissingGradientIsNamed() {
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            Weights weights = weights();
            assertThatThrownBy(() -> optimizer.step(weights, Map.of(), 0.1, 1))
                    .isInstanceOf(NoSuchElementException.class)
                    .hasMessageStartingWith("there is no gradient of ");
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> OptimizerSettings.sgd(1)).hasMessage("momentum must be ≥ 0 and < 1, found 1.0");
        assertThatThrownBy(() -> OptimizerSettings.adamW(-1, Decay.ALL)).hasMessageContaining("weightDecay");
        assertThatThrownBy(() -> new OptimizerSettings(Kind.ADAM, 1, 0.9, 1e-8, 0, 0, Decay.ALL))
                .hasMessageContaining("beta1");
    }

    private void apply(Weights weights, OptimizerSettings settings, double learningRate, float gradient) {
        try (Optimizer optimizer = Optimizer.of(settings, manager)) {
            optimizer.step(weights, gradients(gradient), learningRate, 1);
        }
    }

    private Weights weights() {
        return Weights.of(manager, arrays(name -> START.getOrDefault(name, new float[0])));
    }

    private Map<String, NDArray> gradients(float value) {
        return arrays(name -> name.equals("matrix") ? new float[] {value, value} : new float[] {value});
    }

    private Map<String, NDArray> arrays(Function<String, float[]> values) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put("matrix", Tensors.floats(manager, values.apply("matrix"), new Shape(1, 2)));
        arrays.put("gain", Tensors.floats(manager, values.apply("gain"), new Shape(1)));
        return arrays;
    }

    /** The same supervised step again and again. */
    private static final class Trial {
        private final SupervisedTrainer trainer;
        private final List<Sequence> batch = LogProbsTest.sequences(new Random(3), 4);

        Trial(ModelConfig config) {
            trainer = new SupervisedTrainer(new Decoder(config));
        }

        void step(Weights weights, Optimizer optimizer) {
            trainer.step(weights, optimizer, batch, 1e-2, 1, 1000);
        }
    }
}
