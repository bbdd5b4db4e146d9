package org.openstrawberry.activities.run;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WarmupRow;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;

/** A run as this process knows it: settings, data, base model and files. Data and model are opened when first asked for. */
public final class Run {
    private final Path directory;
    private final RunSpec spec;
    private final ArtifactStore store;
    private final Once<List<PromptRow>> prompts;
    private final Once<List<PromptRow>> heldOut;
    private final Once<List<WarmupRow>> warmup;
    private final Once<ModelDirectory> base;
    private final Once<Tokenizer> tokenizer;

    /** @param directory holds the run's settings in {@code run.yaml} */
    public Run(Path directory) {
        this(directory, RunFile.read(directory.resolve(RunLayout.RUN_FILE), List.of()));
    }

    Run(Path directory, RunSpec spec) {
        this.directory = directory;
        this.spec = spec;
        store = new ArtifactStore(directory);
        String field = spec.data().promptField();
        prompts = new Once<>(() -> DataFiles.readPrompts(Path.of(spec.data().prompts()), field));
        heldOut = new Once<>(() -> spec.data()
                .heldOut()
                .map(file -> DataFiles.readPrompts(Path.of(file), field))
                .orElse(List.of()));
        warmup = new Once<>(() -> spec.warmup()
                .map(warm -> DataFiles.readWarmup(Path.of(warm.data())))
                .orElse(List.of()));
        base = new Once<>(() -> ModelDirectory.open(Path.of(spec.model().policy())));
        tokenizer = new Once<>(() -> base().tokenizer());
    }

    public Path directory() {
        return directory;
    }

    public RunSpec spec() {
        return spec;
    }

    public ArtifactStore store() {
        return store;
    }

    /** Prompts to train on. */
    public List<PromptRow> prompts() {
        return prompts.get();
    }

    /** Held-out prompts; empty where the run has none. */
    public List<PromptRow> heldOut() {
        return heldOut.get();
    }

    /** What the warm-up learns from; empty where the run has no warm-up. */
    public List<WarmupRow> warmup() {
        return warmup.get();
    }

    /** The model that the run starts from. */
    public ModelDirectory base() {
        return base.get();
    }

    /** The base model's tokenizer; open as long as the process lives. */
    public Tokenizer tokenizer() {
        return tokenizer.get();
    }

    /** A value that is made once, when first asked for. */
    private static final class Once<T> {
        private final Supplier<T> maker;
        private @Nullable T value;

        Once(Supplier<T> maker) {
            this.maker = maker;
        }

        synchronized T get() {
            T known = value;
            if (known == null) {
                known = maker.get();
                value = known;
            }
            return known;
        }
    }
}
