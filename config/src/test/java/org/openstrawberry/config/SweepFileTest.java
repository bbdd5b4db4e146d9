package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.SweepSpec.Trial;

class SweepFileTest {
    private final Path folder;

    SweepFileTest(@TempDir Path folder) throws IOException {
        this.folder = folder;
        Files.writeString(folder.resolve("run.yaml"), """
                model: { policy: base }
                data: { prompts: train.jsonl, held-out: heldout.jsonl }
                reward: { verifier: { kind: regex, pattern: a } }
                until: { iterations: 40 }
                """);
    }

    @Test
    void aGridHasEveryCombinationAndTheLastKeyChangesFastest() throws IOException {
        SweepSpec sweep = resolve("""
                run: run.yaml
                over:
                  dpo.beta: [0.05, 0.1]
                  seed: [1, 2, 3]
                """);

        assertThat(words(sweep, "dpo.beta", "seed"))
                .containsExactly("0.05 1", "0.05 2", "0.05 3", "0.1 1", "0.1 2", "0.1 3");
        assertThat(sweep.trials()).extracting(Trial::id).containsExactly("00", "01", "02", "03", "04", "05");
        assertThat(sweep.trials().get(5).run().dpo().beta()).isEqualTo(0.1);
        assertThat(sweep.trials().get(5).run().seed()).isEqualTo(3);
        assertThat(sweep.rungs()).containsExactly(40);
    }

    @Test
    void whatIsNotWrittenHasItsDefault() throws IOException {
        SweepSpec sweep = resolve("run: run.yaml\nover: { seed: [1] }\n");

        assertThat(sweep.name()).isEqualTo("sweep");
        assertThat(sweep.atATime()).isEqualTo(1);
        assertThat(sweep.measure()).isEqualTo(Measure.ACCURACY);
        assertThat(sweep.halving()).isEmpty();
    }

    @Test
    void theShippedRunIsSweptWhereNoneIsNamed() throws IOException {
        SweepSpec sweep = resolve("over: { dpo.beta: [0.2] }\n");

        RunSpec run = sweep.trials().get(0).run();
        assertThat(run.name()).isEqualTo("letter-count");
        assertThat(run.dpo().beta()).isEqualTo(0.2);
        assertThat(Path.of(run.data().prompts())).exists().startsWith(folder.resolve("input"));
    }

    @Test
    void settingsOfEveryTrialLieOverTheRunFileWithPathsRelativeToTheSweepFile() throws IOException {
        SweepSpec sweep = resolve("""
                run: run.yaml
                set: { until.iterations: 7, data: { prompts: other.jsonl } }
                over: { reward.verifier: [{ kind: regex, pattern: b }, { kind: exact }], model.policy: [m] }
                """);

        RunSpec run = sweep.trials().get(1).run();
        assertThat(run.until().iterations()).isEqualTo(7);
        assertThat(run.data().prompts()).isEqualTo(folder.resolve("other.jsonl").toString());
        assertThat(run.model().policy()).isEqualTo(folder.resolve("m").toString());
        assertThat(run.reward().kind()).isInstanceOf(VerifierSpec.Exact.class);
    }

    @Test
    void aRandomSampleStaysInItsRangesAndIsNotOnePoint() throws IOException {
        SweepSpec sweep = resolve("""
                run: run.yaml
                samples: 200
                over:
                  optimizer.learning-rate: { log-uniform: [1.0e-5, 1.0e-3] }
                  sampling.temperature: { uniform: [0.5, 1.5] }
                  sampling.branches: { int-uniform: [2, 5] }
                  dpo.beta: [0.1, 0.2]
                """);

        assertThat(sweep.trials()).hasSize(200);
        assertThat(values(sweep, "optimizer.learning-rate"))
                .allSatisfy(rate -> assertThat(rate.doubleValue()).isBetween(1e-5, 1e-3))
                .filteredOn(rate -> rate.doubleValue() < 1e-4)
                .hasSizeBetween(70, 130); // half of them: the logarithm is uniform
        assertThat(values(sweep, "sampling.temperature"))
                .allSatisfy(it -> assertThat(it.doubleValue()).isBetween(0.5, 1.5))
                .filteredOn(it -> it.doubleValue() < 1)
                .hasSizeBetween(70, 130);
        assertThat(values(sweep, "sampling.branches").stream()
                        .map(JsonNode::intValue)
                        .distinct())
                .containsExactlyInAnyOrder(2, 3, 4, 5);
        assertThat(values(sweep, "dpo.beta").stream().map(JsonNode::doubleValue).distinct())
                .containsExactlyInAnyOrder(0.1, 0.2);
    }

    @Test
    void theSeedAloneDecidesWhatIsDrawn() throws IOException {
        String sweep = "run: run.yaml\nsamples: 5\nover: { dpo.beta: { uniform: [0.1, 1] } }\nseed: ";

        List<String> drawn = words(resolve(sweep + 3), "dpo.beta");
        assertThat(words(resolve(sweep + 3), "dpo.beta")).isEqualTo(drawn);
        assertThat(words(resolve(sweep + 4), "dpo.beta")).doesNotContainAnyElementsOf(drawn);
    }

    @Test
    void anotherKeyOrMoreSamplesLeaveTheDrawsAsTheyWere() throws IOException {
        String beta = "run: run.yaml\nsamples: 5\nover:\n  dpo.beta: { uniform: [0.1, 1] }\n";

        List<String> drawn = words(resolve(beta), "dpo.beta");
        String more = beta.replace("5", "6").replace("over:\n", "over:\n  seed: { int-uniform: [1, 9] }\n");
        assertThat(words(resolve(more), "dpo.beta"))
                .startsWith(drawn.toArray(String[]::new))
                .hasSize(6);
    }

    /** A change here would make a sweep that is under way draw other trials after an update. */
    @Test
    void drawsAreTheSameInEveryVersion() {
        assertThat(IntStream.range(0, 3).mapToDouble(trial -> SweepFile.uniform(3, trial, "dpo.beta")))
                .containsExactly(0.49463723341552, 0.3712954352418122, 0.4515589641301039);
    }

    @Test
    void halvingClimbsByItsFactorToTheEnd() throws IOException {
        SweepSpec sweep = resolve("run: run.yaml\nover: { seed: [1] }\nhalving: { start: 6, factor: 3 }\n");
        assertThat(sweep.rungs()).containsExactly(6, 18, 40);

        HalvingSpec halving = sweep.halving().orElseThrow();
        assertThat(IntStream.of(9, 8, 3, 2, 1).map(halving::survivors)).containsExactly(3, 2, 1, 1, 1);
    }

    @Test
    void mistakesAreToldByFileAndLine() throws IOException {
        refused("over: { dpo.beta: [0.1, -1] }").hasMessage(at("1:25") + "dpo.beta: must be > 0, found -1");
        refused("over:\n  dpo.bta: [1]").hasMessage(at("2:13") + "dpo.bta: unknown key; did you mean dpo.beta?");
        refused("over: { seed: [1, x] }").hasMessage(at("1:19") + "seed: expected a whole number, found \"x\"");
        refused("ovr: { seed: [1] }").hasMessage(at("1:1") + "ovr: unknown key; did you mean over?");
        refused("seed: 1").hasMessageEndingWith("sweep.yaml: over: missing; expected a block of keys");
        refused("over: {}").hasMessage(at("1:7") + "over: must be at least one key with its values, found {}");
        refused("over: { seed: 1 }")
                .hasMessageStartingWith(at("1:15") + "seed: expected a list of values, or a range such as")
                .hasMessageEndingWith("found 1");
        refused("over: { seed: { normal: [0, 1] } }").hasMessageEndingWith("found [normal]");
        refused("over: { dpo.beta: { uniform: [0, 1] } }")
                .hasMessage(at("1:30") + "dpo.beta: a range is for a random search; expected samples: N beside it, or a"
                        + " list of values");
        refused("{ samples: 2, over: { dpo.beta: { log-uniform: [0, 1] } } }")
                .hasMessageStartingWith(at("1:48") + "dpo.beta: expected [low, high], two numbers above 0");
        refused("{ samples: 2, over: { dpo.beta: { uniform: [1, 1] } } }").hasMessageContaining("low below high");
        refused("{ samples: 2, over: { seed: { int-uniform: [1, 2.5] } } }").hasMessageContaining("whole numbers");
        refused("{ samples: 0, over: { seed: [1] } }")
                .hasMessage(at("1:12") + "samples: must be from 1 to 500, found 0");
        refused("{ at-a-time: 0, over: { seed: [1] } }").hasMessageContaining("at-a-time: must be from 1 to 100");
        refused("{ measure: bleu, over: { seed: [1] } }")
                .hasMessage(at("1:12") + "measure: expected accuracy, loss or reward, found \"bleu\"");
        refused("{ set: { seed: 1 }, over: { seed: [1] } }")
                .hasMessage(at("1:29") + "seed: stands in set and in over, expected one of the two");
        refused("{ over: { seed: [1] }, halving: { start: 40 } }")
                .hasMessage(at("1:42") + "halving.start: must be below until.iterations (40), found 40");
        refused("{ over: { seed: [1] }, halving: { start: 4, factor: 1 } }")
                .hasMessage(at("1:53") + "halving.factor: must be at least 2, found 1");
        refused("{ over: { seed: [1] }, set: { data.held-out: null } }")
                .hasMessageContaining("measure: accuracy needs data.held-out");
    }

    @Test
    void aGridThatIsTooLargeIsRefused() throws IOException {
        String thirty = IntStream.range(0, 30).boxed().toList().toString();
        refused("over: { seed: " + thirty + ", sampling.top-k: " + thirty + " }")
                .hasMessageContaining("more than 500 combinations");
    }

    private AbstractThrowableAssert<?, ? extends Throwable> refused(String sweep) {
        String text = sweep.startsWith("{")
                ? sweep.substring(0, sweep.length() - 1) + ", run: run.yaml }"
                : sweep + "\nrun: run.yaml\n";
        return assertThatThrownBy(() -> resolve(text)).isInstanceOf(InvalidInputException.class);
    }

    private String at(String place) {
        return folder.resolve("sweep.yaml") + ":" + place + ": ";
    }

    private SweepSpec resolve(String text) throws IOException {
        Path file = folder.resolve("sweep.yaml");
        Files.writeString(file, text);
        return SweepFile.read(file).resolve(folder);
    }

    private static List<JsonNode> values(SweepSpec sweep, String key) {
        return sweep.trials().stream()
                .map(trial -> trial.settings().getOrDefault(key, NullNode.instance))
                .toList();
    }

    private static List<String> words(SweepSpec sweep, String... keys) {
        return IntStream.range(0, sweep.trials().size())
                .mapToObj(trial -> String.join(
                        " ",
                        List.of(keys).stream()
                                .map(key -> values(sweep, key).get(trial).asText())
                                .toList()))
                .toList();
    }
}
