package org.openstrawberry.worker.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.config.WarmupRow;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.worker.demo.ArithmeticChainData.Chain;
import org.openstrawberry.worker.demo.ArithmeticChainData.Step;

class ArithmeticChainDataTest {
    private static final Pattern STEP = Pattern.compile("(\\d+)([+-])(\\d+):(\\d+) ");

    private final Path folder;
    private final Path shipped;

    ArithmeticChainDataTest(@TempDir Path folder) {
        this.folder = folder;
        shipped = folder.resolve("shipped/arithmetic-chain");
        ShippedRuns.copyTo("arithmetic-chain", folder.resolve("shipped"));
    }

    @Test
    void theShippedFilesAreThoseOfTheShippedSeed() {
        ArithmeticChainData.write(ArithmeticChainData.SHIPPED_SEED, folder.resolve("again"));

        for (String file : List.of("heldout.jsonl", "train.jsonl", "warmup.jsonl")) {
            assertThat(folder.resolve("again").resolve(file)).hasSameBinaryContentAs(shipped.resolve(file));
        }
    }

    @Test
    void chainsHeldOutStandNowhereElse() {
        Set<String> heldOut = prompts("heldout.jsonl");
        Set<String> seen = prompts("train.jsonl");
        warmup().forEach(row -> seen.add(row.prompt()));

        assertThat(heldOut).hasSize(ArithmeticChainData.HELD_OUT_LINES).doesNotContainAnyElementsOf(seen);
    }

    @Test
    void aChainIsAnsweredStepByStep() {
        Chain chain = new Chain(17, List.of(new Step(false, 5), new Step(true, 8)));

        assertThat(chain.prompt()).isEqualTo("17+5-8=?");
        assertThat(chain.answer()).isEqualTo(14);
        assertThat(chain.completion(new boolean[] {false, false})).isEqualTo("17+5:22 22-8:14 =14");
        assertThat(chain.completion(new boolean[] {false, true})).isEqualTo("17+5:22 22-8:30 =30");
    }

    @Test
    void slipsOnlyAddWhereTheyShouldTakeAway() {
        long steps = 0;
        long slips = 0;
        for (WarmupRow row : warmup()) {
            for (MatchResult step : STEP.matcher(row.completion()).results().toList()) {
                int value = Integer.parseInt(step.group(1));
                int operand = Integer.parseInt(step.group(3));
                int found = Integer.parseInt(step.group(4));
                if (step.group(2).equals("+")) {
                    assertThat(found).isEqualTo(value + operand);
                } else {
                    steps++;
                    slips += found == value + operand ? 1 : 0;
                    assertThat(found).isIn(value + operand, value - operand);
                }
            }
        }
        assertThat((double) slips / steps).isBetween(0.58, 0.62);
    }

    @Test
    void theTokenizerHasAllCharactersAndThoughtsHaveRoom() {
        RunSpec spec = RunFile.read(folder.resolve("shipped/arithmetic-chain.yaml"), List.of());
        try (Tokenizer tokenizer =
                ModelDirectory.open(Path.of(spec.model().policy())).tokenizer()) {
            for (WarmupRow row : warmup()) {
                int[] ids = tokenizer.encodeWithout(row.completion());
                assertThat(tokenizer.decode(ids)).isEqualTo(row.completion());
                assertThat(ids.length).isLessThan(spec.sampling().maxNewTokens());
            }
        }
    }

    private Set<String> prompts(String file) {
        Set<String> prompts = new HashSet<>();
        DataFiles.readPrompts(shipped.resolve(file), "prompt").forEach(row -> prompts.add(row.prompt()));
        return prompts;
    }

    private List<WarmupRow> warmup() {
        return DataFiles.readWarmup(shipped.resolve("warmup.jsonl"));
    }
}
