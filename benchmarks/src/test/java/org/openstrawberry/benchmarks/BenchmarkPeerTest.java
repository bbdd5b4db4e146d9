package org.openstrawberry.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;

/** The short form of the benchmark: that it does what it measures. How fast is not asked. */
class BenchmarkPeerTest {
    private static final List<String> TEXTS = List.of("r in reply?", "v in vivid?", "n in nines?");
    private static final int BRANCHES = 2;
    private static final int NEW_TOKENS = 9;

    private Path folder;
    private Path model;
    private Path work;
    private int promptTokens;

    @BeforeEach
    void makeWork(@TempDir Path temporary) throws IOException {
        folder = temporary;
        ShippedRuns.copyTo("letter-count", folder);
        model = folder.resolve("letter-count/base");
        List<Work.Prompt> prompts = new ArrayList<>();
        try (Tokenizer tokenizer = ModelDirectory.open(model).tokenizer()) {
            TEXTS.forEach(text -> prompts.add(new Work.Prompt(text, tokenizer.encode(text))));
        }
        promptTokens = prompts.get(0).ids().length;
        int[][][] completions = new int[TEXTS.size()][BRANCHES][];
        for (int[][] group : completions) {
            group[0] = IntStream.range(3, 3 + NEW_TOKENS).toArray();
            group[1] = IntStream.range(4, 4 + NEW_TOKENS).toArray();
        }
        work = Files.writeString(folder.resolve("work.json"), Json.line(new Work(prompts, completions)));
    }

    @Test
    void generatesOnceForEachGo() throws IOException {
        List<JsonNode> lines = measured("generate");

        assertThat(lines).hasSize(3);
        assertThat(lines.get(0).path("ready").booleanValue()).isTrue();
        lines.subList(1, 3).forEach(line -> {
            assertThat(line.path("seconds").doubleValue()).isPositive();
            assertThat(line.path("rss_peak_mb").isNumber()).isTrue();
        });
    }

    @Test
    void theFirstStepFindsPolicyAndReferenceEqual() throws IOException {
        List<JsonNode> lines = measured("dpo-step");

        assertThat(lines).hasSize(3);
        assertThat(lines.get(1).path("loss").doubleValue()).isEqualTo(Math.log(2), offset(1e-6));
        assertThat(lines.get(2).path("loss").doubleValue()).isLessThan(Math.log(2));
        assertThat(lines.get(1).path("grad_norm").doubleValue()).isPositive();
    }

    @Test
    void anIterationIsAWholeOneOfALiveRun() throws IOException {
        List<JsonNode> lines = measured("iteration");

        assertThat(lines).hasSize(3);
        lines.subList(1, 3).forEach(line -> {
            double parts = Stream.of("generate", "train")
                    .mapToDouble(part -> line.path(part).doubleValue())
                    .peek(part -> assertThat(part).isPositive())
                    .sum();
            assertThat(parts).isLessThan(line.path("seconds").doubleValue());
        });
        try (Stream<Path> left = Files.list(folder.resolve("runs"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void workOfOtherSizesIsRefused() {
        promptTokens++;

        assertThat(run(new ByteArrayOutputStream(), "generate")).isEqualTo(2);
    }

    @Test
    void theBestOfAPromptMeetsTheBestOfItsLowerHalf() {
        int[][] group = {{3, 5, 7}, {2, 4, 6}, {2, 3, 5}, {2, 4, 5}};
        Work ranked = new Work(List.of(new Work.Prompt("a", new int[] {1})), new int[][][] {group});

        assertThat(ranked.pairs()).extracting(pair -> pair.chosenIds()).containsExactly(group[1], group[3]);
        assertThat(ranked.pairs()).extracting(pair -> pair.rejectedIds()).containsExactly(group[2], group[0]);
    }

    /** The lines of two repetitions. */
    private List<JsonNode> measured(String what) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(run(out, what)).isZero();
        return out.toString(StandardCharsets.UTF_8)
                .lines()
                .map(line -> Json.parse(line, JsonNode.class))
                .toList();
    }

    private int run(ByteArrayOutputStream out, String what) {
        List<Object> arguments = new ArrayList<>(List.of("--what", what, "--model", model, "--work", work));
        arguments.addAll(List.of("--prompts", TEXTS.size(), "--branches", BRANCHES));
        arguments.addAll(List.of("--prompt-tokens", promptTokens, "--new-tokens", NEW_TOKENS));
        // A rate at which a second step shows.
        arguments.addAll(List.of("--threads", 1, "--warmup", 0, "--learning-rate", 1e-3));
        return BenchmarkPeer.run(
                new ByteArrayInputStream("go\ngo\n".getBytes(StandardCharsets.UTF_8)),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                arguments.stream().map(String::valueOf).toArray(String[]::new));
    }
}
