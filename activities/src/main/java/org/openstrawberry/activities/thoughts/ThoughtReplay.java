package org.openstrawberry.activities.thoughts;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.policy.PolicyState;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.policy.Settings;
import org.openstrawberry.activities.policy.StepChain;
import org.openstrawberry.activities.policy.WeightsOrigin;
import org.openstrawberry.activities.run.Fork;
import org.openstrawberry.activities.run.IterationRecord;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import reactor.core.publisher.Flux;

/**
 * Writes a wave of thoughts once more, by the weights that wrote it, and compares. A wave is what was computed in one batch,
 * so it is the least that comes out alike bit for bit; trees are replayed by shard. Reads the run directory only.
 */
public final class ThoughtReplay {
    private ThoughtReplay() {}

    /**
     * What came of it.
     *
     * @param policy iteration after which the weights were as they wrote the wave
     * @param weightsSha256 of these weights as a safetensors file
     * @param prompts of the wave, by their numbers in the iteration's batch
     * @param thoughts that were written again
     * @param tokens that were
     * @param differences where they are not what is stored, one line each
     */
    public record Outcome(
            int policy,
            String weightsSha256,
            List<Integer> prompts,
            int thoughts,
            long tokens,
            List<String> differences) {}

    /**
     * The iteration after which the weights were as they wrote an iteration's thoughts.
     *
     * @throws InvalidInputException if the iteration has no thoughts any more
     */
    public static int policyOf(Run run, int iteration) {
        Path file = run.store().resolve(RunLayout.thoughts(iteration, 0));
        if (!Files.exists(file)) {
            throw new InvalidInputException(file + ": missing; the iteration's thoughts are not there");
        }
        // Where sampling ran ahead, each thought says so.
        return Json.readLines(file, JsonNode.class).stream()
                .map(line -> line.path("policy"))
                .filter(JsonNode::isInt)
                .map(JsonNode::intValue)
                .findFirst()
                .orElseGet(() -> StepChain.parent(run.store(), iteration));
    }

    /**
     * Replays the wave of a prompt, or the trees of its shard.
     *
     * @param prompt its number in the iteration's batch
     * @throws InvalidInputException if the wave is not one that can be replayed from this directory
     * @throws DamagedArtifactException if something that it takes is missing or damaged
     */
    public static Outcome replay(Run run, Tensors tensors, int iteration, int prompt) {
        requireOwn(run, iteration);
        int policy = policyOf(run, iteration);
        WeightsOrigin.of(run, policy); // says what is missing, before any work
        SamplingSpec sampling = settings(run, iteration);
        List<PromptLine> prompts = prompts(run, iteration, prompt);
        int shard = 0;
        while (ThoughtSteps.firstOf(shard + 1, sampling.shards(), prompts.size()) <= prompt) {
            shard++;
        }
        int first = ThoughtSteps.firstOf(shard, sampling.shards(), prompts.size());
        int end = ThoughtSteps.firstOf(shard + 1, sampling.shards(), prompts.size());
        PolicyStates states = new PolicyStates();
        try {
            if (sampling.tree().isPresent()) {
                TreeReplay trees = new TreeReplay(run, sampling, iteration, shard, prompts.subList(first, end));
                return tensors.call(() -> trees(run, states, policy, prompts.subList(first, end), trees));
            }
            return wave(
                    run, tensors, states, sampling, iteration, policy, waveOf(sampling, prompts, prompt, first, end));
        } finally {
            tensors.call(() -> {
                states.close();
                return true;
            });
        }
    }

    /** The trees of a shard grow together, so that they are replayed together. On the tensor thread. */
    private static Outcome trees(Run run, PolicyStates states, int policy, List<PromptLine> prompts, TreeReplay trees) {
        trees.grow(states.writer(run, policy).weights());
        return new Outcome(
                policy,
                sha256(states.at(run, policy)),
                prompts.stream().map(PromptLine::prompt).toList(),
                trees.thoughts(),
                trees.tokens(),
                trees.differences());
    }

    private static Outcome wave(
            Run run,
            Tensors tensors,
            PolicyStates states,
            SamplingSpec sampling,
            int iteration,
            int policy,
            List<PromptLine> wave) {
        List<GenerationRequest> requests = wave.stream()
                .map(line -> new GenerationRequest(line.prompt(), line.ids(), sampling.branches()))
                .toList();
        List<Thinking.Answer> answers = new Thinking(tensors, states)
                .answers(
                        run,
                        policy,
                        Flux.fromIterable(requests),
                        Settings.of(sampling),
                        sampling.branches(),
                        sampling.waveRows(),
                        Philox.seed(run.spec().seed(), "thoughts"),
                        iteration)
                .collectList()
                .blockOptional()
                .orElseThrow();
        String weights = tensors.call(() -> sha256(states.at(run, policy)));
        return compared(run, iteration, policy, weights, answers);
    }

    /** Iterations that a fork took over were sampled under the settings of its parent. */
    private static void requireOwn(Run run, int iteration) {
        Fork.lineage(run.directory())
                .filter(fork -> iteration <= fork.iteration())
                .ifPresent(fork -> {
                    throw new InvalidInputException(run.directory() + ": iteration " + iteration
                            + " is the parent's, which was forked after iteration " + fork.iteration()
                            + "; expected to replay it in " + fork.parent());
                });
    }

    /** As they were in the iteration, with what was adjusted until then. */
    private static SamplingSpec settings(Run run, int iteration) {
        String path = RunLayout.iterationRecord(iteration);
        // What an iteration adjusts is in the state before it where it is not over.
        // So are settings of thoughts that were sampled ahead.
        boolean own = run.spec().sampling().ahead() == 0 && run.store().isWhole(path);
        String known = own ? path : RunLayout.iterationRecord(iteration - 1);
        Map<String, Object> adjusted = run.store().isWhole(known)
                ? Json.read(run.store().resolve(known), IterationRecord.class)
                        .state()
                        .adjusted()
                : Map.of();
        return (adjusted.isEmpty() ? run.spec() : Adjustment.apply(run.spec(), adjusted)).sampling();
    }

    private static List<PromptLine> prompts(Run run, int iteration, int prompt) {
        String path = RunLayout.prompts(iteration);
        run.store().require(path);
        List<PromptLine> prompts = Json.readLines(run.store().resolve(path), PromptLine.class);
        if (prompt < 0 || prompt >= prompts.size()) {
            throw new InvalidInputException("--prompt: found " + prompt + ", expected 0 to " + (prompts.size() - 1)
                    + ", those of the iteration");
        }
        return prompts;
    }

    /** The prompts that were computed in one batch with this one: shards part the prompts, and waves part a shard. */
    private static List<PromptLine> waveOf(
            SamplingSpec sampling, List<PromptLine> prompts, int prompt, int first, int end) {
        int size = Thinking.promptsOfWave(sampling.waveRows(), sampling.branches());
        int from = first + (prompt - first) / size * size;
        return prompts.subList(from, Math.min(end, from + size));
    }

    private static Outcome compared(Run run, int iteration, int policy, String weights, List<Thinking.Answer> answers) {
        List<ThoughtLine> stored = stored(run, iteration);
        List<String> differences = new ArrayList<>();
        int thoughts = 0;
        long tokens = 0;
        for (Thinking.Answer answer : answers) {
            int prompt = answer.request().prompt();
            for (int branch = 0; branch < answer.completions().size(); branch++) {
                Completion written = answer.completions().get(branch);
                thoughts++;
                tokens += written.ids().length;
                int number = branch;
                Optional<ThoughtLine> there = stored.stream()
                        .filter(line -> line.prompt() == prompt && line.branch() == number)
                        .findFirst();
                String place = "prompt " + prompt + ", branch " + branch + ": ";
                if (there.isEmpty()) {
                    differences.add(place + "not stored");
                } else {
                    difference(run, written, there.get()).ifPresent(found -> differences.add(place + found));
                }
            }
        }
        return new Outcome(
                policy,
                weights,
                answers.stream().map(answer -> answer.request().prompt()).toList(),
                thoughts,
                tokens,
                differences);
    }

    private static List<ThoughtLine> stored(Run run, int iteration) {
        List<ThoughtLine> all = new ArrayList<>();
        for (int shard = 0; Files.exists(run.store().resolve(RunLayout.thoughts(iteration, shard))); shard++) {
            all.addAll(Json.readLines(run.store().resolve(RunLayout.thoughts(iteration, shard)), ThoughtLine.class));
        }
        return all;
    }

    private static Optional<String> difference(Run run, Completion written, ThoughtLine stored) {
        int token = Arrays.mismatch(written.ids(), stored.ids());
        if (token >= 0) {
            return Optional.of(
                    "token " + token + " is " + at(written.ids(), token) + ", stored is " + at(stored.ids(), token));
        }
        if (!run.tokenizer().decode(written.ids()).equals(stored.text()) || written.ended() != stored.ended()) {
            return Optional.of("the same tokens, but another text or end is stored");
        }
        return stored.logprobs()
                .map(known -> Arrays.mismatch(written.logProbs(), known))
                .filter(place -> place >= 0)
                .map(place -> "the log-probability of token " + place + " differs");
    }

    private static String at(int[] ids, int token) {
        return token < ids.length ? String.valueOf(ids[token]) : "absent";
    }

    private static String sha256(PolicyState state) {
        try {
            Path file = Files.createTempFile("strawberry-weights-", ".safetensors");
            try {
                state.policy().save(file);
                return Hashes.sha256(file);
            } finally {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
