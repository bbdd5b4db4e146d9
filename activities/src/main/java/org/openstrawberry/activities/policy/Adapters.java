package org.openstrawberry.activities.policy;

import ai.djl.ndarray.NDManager;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.LoraSpec;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.LoraConfig;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;

/** The adapters that a run trains, if it trains adapters. */
public final class Adapters {
    private static final String KEY = "model.lora";

    private Adapters() {}

    /**
     * Where they stand, and by what scale.
     *
     * @throws InvalidInputException if a target is no layer of the run's model, or the directory that they go on from is
     *     broken, does not fit the model, or is not what the settings say beside it
     */
    public static Optional<Adapter> of(Run run) {
        ModelConfig model = run.base().config();
        return run.spec().model().lora().map(lora -> new Adapter(config(lora, model), model));
    }

    /**
     * As {@link #of}, and that the adapters to go on from were made for the weights that the run stands on, as far as they
     * say so: where they name a model's directory that is there, by an absolute path.
     */
    public static void check(Run run) {
        of(run);
        Path policy = run.base().path();
        directory(run)
                .ifPresent(adapters -> adapters.base()
                        .map(Path::of)
                        .filter(base -> isModel(base) && !base.normalize().equals(policy))
                        .filter(base ->
                                !ModelDirectory.weightsSha256(base).equals(ModelDirectory.weightsSha256(policy)))
                        .ifPresent(base -> {
                            throw new InvalidInputException("model.lora.from: " + adapters.path()
                                    + ": was made for the weights of " + base
                                    + ", which are not those of model.policy, "
                                    + policy);
                        }));
    }

    /**
     * The adapters before the first step: those of {@code model.lora.from}, or fresh ones.
     *
     * @param memory whose closing also closes them
     */
    static Optional<Weights> first(Run run, NDManager memory) {
        return directory(run)
                .map(from -> from.load(memory))
                .or(() -> of(run).map(adapter -> adapter.fresh(run.spec().seed(), memory)));
    }

    /** A relative path says nothing: whoever wrote it may have stood anywhere. */
    private static boolean isModel(Path base) {
        return base.isAbsolute()
                && (Files.exists(base.resolve("model.safetensors"))
                        || Files.exists(base.resolve("model.safetensors.index.json")));
    }

    /** Whether they go on from others, which the run then has to keep. */
    static boolean goOn(Run run) {
        return run.spec().model().lora().flatMap(LoraSpec::from).isPresent();
    }

    private static Optional<AdapterDirectory> directory(Run run) {
        return run.spec()
                .model()
                .lora()
                .flatMap(LoraSpec::from)
                .map(from -> AdapterDirectory.open(Path.of(from), run.base().config()));
    }

    private static LoraConfig config(LoraSpec spec, ModelConfig model) {
        if (spec.from().isPresent()) {
            AdapterDirectory from = AdapterDirectory.open(Path.of(spec.from().get()), model);
            LoraConfig found = from.config();
            agree(from, "rank", spec.rank(), found.rank());
            agree(from, "alpha", spec.alpha(), found.alpha());
            agree(from, "rank-stabilized", spec.rankStabilized(), found.rankStabilised());
            spec.targets()
                    .filter(targets -> !layers(new LoraConfig(1, 1, false, targets), model, KEY)
                            .equals(layers(found, model, KEY)))
                    .ifPresent(targets -> agree(from, "targets", spec.targets(), found.targets()));
            return found;
        }
        return fresh(spec, model, KEY);
    }

    /**
     * Adapters that begin fresh.
     *
     * @param key of the settings
     * @throws InvalidInputException if a target is no layer of the model
     */
    public static LoraConfig fresh(LoraSpec spec, ModelConfig model, String key) {
        LoraConfig fresh = new LoraConfig(
                spec.rank().orElseThrow(),
                spec.alpha().orElseThrow(),
                spec.rankStabilized().orElseThrow(),
                spec.targets().orElseThrow());
        layers(fresh, model, key);
        return fresh;
    }

    private static Set<String> layers(LoraConfig config, ModelConfig model, String key) {
        try {
            return new LinkedHashSet<>(config.layers(model));
        } catch (IllegalArgumentException e) {
            throw new InvalidInputException(key + ".targets: " + e.getMessage(), e);
        }
    }

    private static <T> void agree(AdapterDirectory from, String key, Optional<T> said, T found) {
        said.filter(value -> !value.equals(found)).ifPresent(value -> {
            throw new InvalidInputException("model.lora." + key + ": found " + value + ", expected " + found
                    + " or nothing, by the adapter_config.json of model.lora.from, " + from.path());
        });
    }
}
