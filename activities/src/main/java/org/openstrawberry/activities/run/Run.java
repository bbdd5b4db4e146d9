package org.openstrawberry.activities.run;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.data.PromptData;
import org.openstrawberry.activities.rewards.Verifiers;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WarmupRow;
import org.openstrawberry.model.chat.ChatTemplate;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;

/** A run as this process knows it: settings, data, base model and files. Data and model are opened when first asked for. */
public final class Run {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path directory;
    private final RunSpec spec;
    private final ArtifactStore store;
    private final Once<PromptData> data;
    private final Once<List<WarmupRow>> warmup;
    private final Once<ModelDirectory> base;
    private final Once<Tokenizer> tokenizer;
    private final Once<ChatTemplate> template;

    /** @param directory holds the run's settings in {@code run.yaml} */
    public Run(Path directory) {
        this(directory, RunFile.read(directory.resolve(RunLayout.RUN_FILE), List.of()));
    }

    Run(Path directory, RunSpec spec) {
        this.directory = directory;
        this.spec = spec;
        store = new ArtifactStore(directory);
        data = new Once<>(() -> PromptData.read(
                spec.data(),
                new PromptData.Reading(
                        row -> Verifiers.check(spec.reward(), row),
                        row -> spec.evaluation().reward().ifPresent(judge -> Verifiers.check(judge, row)),
                        this::chat,
                        row -> promptIds(row).length)));
        warmup = new Once<>(() -> spec.warmup()
                .map(warm -> DataFiles.readWarmup(Path.of(warm.data())))
                .orElse(List.of()));
        base = new Once<>(() -> ModelDirectory.open(Path.of(spec.model().policy())));
        tokenizer = new Once<>(() -> base().tokenizer());
        template = new Once<>(() -> base().chatTemplate()
                .orElseThrow(() -> new InvalidInputException(
                        base().path() + " has no chat template, expected one to read messages")));
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
        return data.get().training();
    }

    /** Held-out prompts; empty where the run has none. */
    public List<PromptRow> heldOut() {
        return data.get().heldOut();
    }

    /** What came of the rows of the prompts' files. */
    public PromptData.Report dataReport() {
        return data.get().report();
    }

    /** A prompt's tokens: with those that the tokenizer adds, or, of a chat, with those that its template has written. */
    public int[] promptIds(PromptRow row) {
        return row.messages().isPresent()
                ? tokenizer().encodeWithout(row.prompt())
                : tokenizer().encode(row.prompt());
    }

    /** The text of chat messages by the model's own template, as far as its answer's beginning. */
    private String chat(JsonNode messages) {
        return template.get().render(JSON.convertValue(messages, new TypeReference<>() {}), true);
    }

    /**
     * Where the model's chat template writes a chat with an answer otherwise than the prompt followed by the answer. Training
     * is not touched by it, which takes the ids that were sampled; a chat of several turns may be.
     */
    public Optional<String> chatWarning() {
        try {
            base().chatTemplate().ifPresent(ChatTemplate::requirePrefixPreserving);
            return Optional.empty();
        } catch (InvalidInputException e) {
            // Only now are the prompts read for it, which is long where there are many.
            return prompts().stream().anyMatch(row -> row.messages().isPresent())
                    ? Optional.of(String.valueOf(e.getMessage()))
                    : Optional.empty();
        }
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
