package org.openstrawberry.worker;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.policy.Objectives;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.LossSpec;
import org.openstrawberry.config.PairRow;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.SiblingWeights;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.DpoTrainer;
import org.openstrawberry.model.training.PreferenceObjective;
import org.openstrawberry.model.training.PreferencePair;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Precision;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints what a preference loss finds on given pairs, and trains nothing. */
@Command(
        name = "dpo",
        mixinStandardHelpOptions = true,
        description = {
            "Print losses, implicit rewards and the gradient's norm of a preference loss on pairs of token ids.",
            "The options mean what they mean in a run file's block dpo; docs/losses.md has the formulas."
        })
final class ModelDpoCommand implements Callable<Integer> {
    @Option(names = "--policy", required = true, paramLabel = "DIR", description = "A model directory.")
    private @Nullable Path policy;

    @Option(
            names = "--reference",
            required = true,
            paramLabel = "DIR",
            description = "Weights of the same model; a tokenizer is not needed.")
    private @Nullable Path reference;

    @Option(
            names = "--pairs",
            required = true,
            paramLabel = "FILE",
            description = "JSON lines with prompt_ids, chosen_ids and rejected_ids.")
    private @Nullable Path pairs;

    @Option(
            names = "--loss",
            paramLabel = "KIND",
            description = "A loss, or several such as '[{ sigmoid: 1.0 }, { sft: 0.1 }]'. Default: ${DEFAULT-VALUE}")
    private String loss = "sigmoid";

    @Option(names = "--beta", paramLabel = "B", description = "Default: ${DEFAULT-VALUE}")
    private double beta = 0.1;

    @Option(names = "--label-smoothing", paramLabel = "E", description = "Default: ${DEFAULT-VALUE}")
    private double labelSmoothing;

    @Option(names = "--discopop-tau", paramLabel = "T", description = "Default: 0.05")
    private @Nullable Double discopopTau;

    @Option(
            names = "--f-divergence",
            paramLabel = "KIND",
            description = "reverse_kl, forward_kl, js_divergence or alpha_divergence. Default: ${DEFAULT-VALUE}")
    private String divergence = "reverse_kl";

    @Option(names = "--f-alpha", paramLabel = "A", description = "Of alpha_divergence. Default: 0.5")
    private @Nullable Double fAlpha;

    @Option(
            names = "--ld-alpha",
            paramLabel = "A",
            description = "Weight of tokens beyond the length that both completions have. Default: they count fully")
    private @Nullable Double ldAlpha;

    @Option(names = "--wpo", description = "Weight pairs by how likely the policy is to write them.")
    private boolean wpo;

    @Option(
            names = "--micro-batch-tokens",
            paramLabel = "N",
            description = "Tokens computed at a time, padding included. Default: ${DEFAULT-VALUE}")
    private int microBatchTokens = 8192;

    @Option(names = "--device", paramLabel = "D", description = "cpu, cuda or cuda:N. Default: ${DEFAULT-VALUE}")
    private String device = "cpu";

    @Option(names = "--threads", paramLabel = "N", description = "Default: ${DEFAULT-VALUE}")
    private int threads = 1;

    @Option(
            names = "--dtype",
            paramLabel = "float32|bfloat16",
            description = "What products are computed in. Default: float32")
    private Precision precision = Precision.FLOAT32;

    @Override
    public Integer call() {
        if (policy == null || reference == null || pairs == null) {
            throw new IllegalStateException("the command line lets no required option pass");
        }
        if (microBatchTokens < 1 || threads < 1) {
            throw new InvalidInputException("--micro-batch-tokens and --threads must be at least 1");
        }
        PreferenceObjective objective = Objectives.of(spec());
        ModelDirectory model = ModelDirectory.open(policy);
        List<PreferencePair> preferences =
                preferences(pairs, model.config().vocabSize(), model.config().maxPositionEmbeddings());
        try (NDManager memory = Torch.start(threads, device);
                Weights weights = model.load(memory);
                Weights against = SiblingWeights.load(model, reference, memory)) {
            DpoStep found = new DpoTrainer(new Decoder(model.config(), precision))
                    .measure(weights, against, preferences, objective, microBatchTokens);
            System.out.println(Json.line(Found.of(found, beta)));
            return 0;
        } catch (ArithmeticException e) {
            throw new InvalidInputException(String.valueOf(e.getMessage()), e);
        }
    }

    /** As it is printed. */
    private record Found(
            List<Double> losses,
            @JsonProperty("rewards_chosen") List<Double> rewardsChosen,
            @JsonProperty("rewards_rejected") List<Double> rewardsRejected,
            double loss,
            @JsonProperty("grad_norm") double gradNorm) {
        static Found of(DpoStep step, double beta) {
            return new Found(
                    step.losses(),
                    step.scored().stream().map(pair -> pair.chosenReward(beta)).toList(),
                    step.scored().stream()
                            .map(pair -> pair.rejectedReward(beta))
                            .toList(),
                    step.loss(),
                    step.gradNorm());
        }
    }

    private DpoSpec spec() {
        LossSpec losses = LossSpec.parse("--loss", loss);
        DpoSpec.FDivergence kind = Arrays.stream(DpoSpec.FDivergence.values())
                .filter(known -> known.written().equals(divergence))
                .findFirst()
                .orElseThrow(() -> new InvalidInputException("--f-divergence: expected reverse_kl, forward_kl,"
                        + " js_divergence or alpha_divergence, found \"" + divergence + "\""));
        try {
            return new DpoSpec(
                    losses,
                    beta,
                    Optional.empty(),
                    labelSmoothing,
                    Optional.ofNullable(discopopTau),
                    Optional.of(kind),
                    Optional.ofNullable(fAlpha),
                    Optional.ofNullable(ldAlpha),
                    wpo);
        } catch (IllegalArgumentException e) {
            // The settings' names are the options'.
            throw new InvalidInputException("--" + e.getMessage(), e);
        }
    }

    private static List<PreferencePair> preferences(Path file, int vocabulary, int positions) {
        List<PreferencePair> preferences = new ArrayList<>();
        for (PairRow row : DataFiles.readPairs(file, vocabulary)) {
            int longest = row.promptIds().length + Math.max(row.chosenIds().length, row.rejectedIds().length);
            // After the last token nothing is predicted: it needs no position.
            if (longest - 1 > positions) {
                throw new InvalidInputException(file + ":" + row.line() + ": prompt and completion have " + longest
                        + " tokens, expected at most " + (positions + 1) + " by the model's positions");
            }
            preferences.add(new PreferencePair(row.promptIds(), row.chosenIds(), row.rejectedIds()));
        }
        return preferences;
    }
}
