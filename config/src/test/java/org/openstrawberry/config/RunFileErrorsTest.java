package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a user is told; every message is one line that begins with the place to mend. */
class RunFileErrorsTest {

    /** Four lines, so that what a test adds begins on line 5. */
    private static final String GOOD = """
            model: { policy: base/ }
            data: { prompts: train.jsonl }
            reward:
              verifier: { kind: numeric }
            """;

    private final Path folder;

    RunFileErrorsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    static Stream<Arguments> mistakesInTheFile() {
        return Stream.of(
                // ranges
                arguments("dpo:\n  beta: -0.1\n", ":6:9: dpo.beta: must be > 0, found -0.1"),
                arguments("dpo: { beta: 0 }\n", ":5:14: dpo.beta: must be > 0, found 0"),
                arguments(
                        "seed: 1\nname: a b\n",
                        ":6:7: name: must be letters, digits, '.', '_' and '-', beginning"
                                + " with a letter or digit, found \"a b\""),
                arguments(
                        "reference: { alpha: 0.0 }\n",
                        ":5:21: reference.alpha: must be above 0 and at most 1, found 0"),
                arguments("sampling: { min-p: 1 }\n", ":5:20: sampling.min-p: must be at least 0 and below 1, found 1"),
                arguments("sampling: { top-p: 0 }\n", ":5:20: sampling.top-p: must be above 0 and at most 1, found 0"),
                arguments("sampling: { temperature: 0 }\n", ":5:26: sampling.temperature: must be > 0, found 0"),
                arguments("sampling: { ahead: 2 }\n", ":5:20: sampling.ahead: must be 0 or 1, found 2"),
                arguments("sampling: { branches: 1 }\n", ":5:23: sampling.branches: must be at least 2, found 1"),
                arguments(
                        "optimizer:\n  schedule: { final-fraction: 2 }\n",
                        ":6:31: optimizer.schedule.final-fraction: must be from 0 to 1, found 2"),
                arguments(
                        "optimizer: { betas: [0.9] }\n",
                        ":5:21: optimizer.betas: must be two numbers, each at least 0 and below 1, found [0.9]"),
                arguments(
                        "optimizer: { momentum: 0.9 }\n",
                        ":5:24: optimizer.momentum: is for kind sgd or rmsprop only, found 0.9"),
                arguments("warmup: { data: w.jsonl, steps: 0 }\n", ":5:33: warmup.steps: must be at least 1, found 0"),
                arguments(
                        "until: { wall-time: 90 minutes }\n",
                        ":5:21: until.wall-time: must be a whole number and s, m, h or d, such as 90m, found"
                                + " \"90 minutes\""),
                // settings that do not go together
                arguments(
                        "sampling: { branches: 3 }\npairs: { per-prompt: 2 }\n",
                        ":5:23: sampling.branches: must be at least 2 × pairs.per-prompt (4), found 3"),
                arguments(
                        "pairs: { per-prompt: 4 }\n",
                        ":5:22: sampling.branches: must be at least 2 × pairs.per-prompt (8), found 4"),
                arguments(
                        "sampling: { prompts: 2, shards: 3 }\n",
                        ":5:33: sampling.shards: must be at most sampling.prompts (2), found 3"),
                arguments(
                        "sampling: { prompts: 1 }\n",
                        ":5:22: sampling.shards: must be at most sampling.prompts (1), found 2"),
                arguments(
                        "until: { held-out-at-least: 0.9 }\n",
                        ":5:29: until.held-out-at-least: needs data.held-out, which is not given"),
                arguments("until: { plateau: 3 }\n", ":5:19: until.plateau: needs data.held-out, which is not given"),
                arguments(
                        "health: { on-unhealthy: rollback }\n",
                        ":5:25: health.on-unhealthy: needs data.held-out, which is not given"),
                arguments("health: { loss-spike: 1 }\n", ":5:23: health.loss-spike: must be above 1, found 1"),
                // unknown keys
                arguments(
                        "sampling:\n  temprature: 1\n",
                        ":6:3: sampling.temprature: unknown key; did you mean sampling.temperature?"),
                arguments(
                        "optimizer: { learning_rate: 1 }\n",
                        ":5:14: optimizer.learning_rate: unknown key; did you mean optimizer.learning-rate?"),
                arguments("beta: 0.1\n", ":5:1: beta: unknown key; did you mean dpo.beta?"),
                arguments(
                        "dpo: { zzzzz: 0.1 }\n",
                        ":5:8: dpo.zzzzz: unknown key; expected loss, beta, beta-schedule, label-smoothing,"
                                + " discopop-tau, f-divergence, f-alpha, ld-alpha or wpo"),
                arguments(
                        "dpo.beta: 0.1\n",
                        ":5:1: dpo.beta: unknown key; dotted keys are for --set; in a file write blocks, one inside"
                                + " the other"),
                arguments(
                        "<<: { seed: 1 }\n",
                        ":5:1: <<: unknown key; expected name, seed, model, warmup, data, sampling, reward, pairs,"
                                + " dpo, optimizer, reference, until, evaluation, checkpoints or health"),
                // wrong types
                arguments(
                        "sampling: { branches: many }\n",
                        ":5:23: sampling.branches: expected a whole number, found \"many\""),
                arguments(
                        "sampling: { branches: 3.5 }\n",
                        ":5:23: sampling.branches: expected a whole number, found 3.5"),
                arguments(
                        "sampling: { branches: \"3\" }\n",
                        ":5:23: sampling.branches: expected a whole number, found \"3\""),
                arguments(
                        "sampling: { branches: 4294967298 }\n",
                        ":5:23: sampling.branches: expected a whole number from -2147483648 to 2147483647, found"
                                + " 4294967298"),
                arguments(
                        "seed: 9223372036854775808\n",
                        ":5:7: seed: expected a whole number from -9223372036854775808 to 9223372036854775807, found"
                                + " 9223372036854775808"),
                arguments("dpo: { beta: .inf }\n", ":5:14: dpo.beta: expected a number, found .inf"),
                arguments("dpo: { beta: [1] }\n", ":5:14: dpo.beta: expected a number, found [1]"),
                arguments("name: 7\n", ":5:7: name: expected a text, found 7 (put it in quotes)"),
                arguments("dpo: 7\n", ":5:6: dpo: expected a block of keys, found 7"),
                arguments("seed: { a: 1 }\n", ":5:7: seed: expected a whole number, found a block of keys"),
                arguments(
                        "optimizer: { betas: [0.9, x] }\n",
                        ":5:21: optimizer.betas: expected a list of numbers, found [0.9, \"x\"]"),
                arguments(
                        "reference: { refresh: sometimes }\n",
                        ":5:23: reference.refresh: expected never, every, soft or best, found \"sometimes\""),
                arguments(
                        "sampling: { branching: bush }\n",
                        ":5:24: sampling.branching: expected flat or tree, found \"bush\""),
                arguments(
                        "sampling: { max-new-tokens: 8, min-new-tokens: 9 }\n",
                        ":5:48: sampling.min-new-tokens: must be at most sampling.max-new-tokens (8), found 9"),
                arguments(
                        "sampling: { branching: tree, min-new-tokens: 1 }\n",
                        ":5:46: sampling.min-new-tokens: has no effect with branching: tree, found 1"),
                arguments(
                        "sampling: { tree: { width: 3 } }\n",
                        ":5:19: sampling.tree: has no effect without branching: tree"),
                arguments(
                        "sampling: { branching: tree, tree: { search: beam, exploration: 2 } }\n",
                        ":5:65: sampling.tree.exploration: has no effect without search: puct"),
                arguments(
                        "sampling: { branching: tree, tree: { search: best-of-n, leaves: 2 } }\n",
                        ":5:65: sampling.tree.leaves: must be 1 with search: best-of-n, found 2; a beam is wider"),
                arguments(
                        "sampling: { branching: tree, tree: { width: 4, simulations: 3 } }\n",
                        ":5:61: sampling.tree.simulations: must be at least width × rollouts (4), found 3"),
                arguments(
                        "sampling: { branching: tree, tree: { depth: 1, temperature-by-depth: [1, 2] } }\n",
                        ":5:70: sampling.tree.temperature-by-depth: has 2 temperatures, expected at most depth (1)"),
                arguments(
                        "sampling: { branching: tree, tree: { root-width: 6, simulations: 5 } }\n",
                        ":5:66: sampling.tree.simulations: must be at least width × rollouts (6), found 5"),
                arguments(
                        "sampling: { branching: tree, tree: { sibling-pairs: best } }\npairs: { order: extremes }\n",
                        ":5:53: sampling.tree.sibling-pairs: can't be best with pairs.order or pairs.length-matched,"
                                + " which then choose nothing"),
                arguments(
                        "sampling: { branching: tree, tree: { value: process } }\n",
                        ":5:45: sampling.tree.value: can only be process with reward.classifier"),
                arguments("until: { plateau: 2.5 }\n", ":5:19: until.plateau: expected a whole number, found 2.5"),
                // null and missing
                arguments("dpo: null\n", ":5:6: dpo: expected a block of keys, found null"),
                arguments("dpo:\n", ":5:5: dpo: expected a block of keys, found nothing"),
                arguments("seed: ~\n", ":5:7: seed: expected a whole number, found ~"),
                arguments("warmup: { steps: 3 }\n", ": warmup.data: missing; expected the path of a JSON-lines file"),
                // no YAML
                arguments("dpo: { beta: 0.1\n", ":6:1: not valid YAML: expected ',' or '}', but got <stream end>"),
                arguments(
                        "dpo:\n\tbeta: 1\n",
                        ":6:1: not valid YAML: found character '\\t(TAB)' that cannot start any token. (Do not use"
                                + " \\t(TAB) for indentation)"),
                arguments("seed: 1\nseed: 2\n", ":6:1: seed: stands twice in the same block"),
                arguments("dpo: { beta: 1, beta: 1 }\n", ":5:17: dpo.beta: stands twice in the same block"),
                arguments("? [1]\n: 2\n", ":5:3: expected a key, found a block or list"),
                arguments("dpo: &a { beta: *a }\n", ":5:6: an alias stands inside what it is an alias of"),
                arguments("name: !secret x\n", ":5:7: expected a plain value, found the YAML tag \"!secret\""),
                arguments("seed: !!int x\n", ":5:7: not valid YAML: \"x\" is not a number"),
                arguments("---\nseed: 1\n", ":5:1: not valid YAML: but found another document"),
                // adapters
                arguments(
                        "model: { policy: base/, lora: { rank: 0 } }\n",
                        ":1:39: model.lora.rank: must be at least 1, found 0"),
                arguments(
                        "model: { policy: base/, lora: { targets: q_proj } }\n",
                        ":1:42: model.lora.targets: expected a list of texts, found \"q_proj\""));
    }

    @ParameterizedTest
    @MethodSource("mistakesInTheFile")
    void aMistakeIsNamedByFileLineAndColumn(String added, String message) throws IOException {
        // A block that is there already is replaced, as a user would.
        String yaml = added.startsWith("model:") ? added + GOOD.substring(GOOD.indexOf("data:")) : GOOD + added;
        Path file = Files.writeString(folder.resolve("run.yaml"), yaml);

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.read(file, List.of()))
                .withMessage(file + message);
    }

    static Stream<Arguments> mistakesInOptions() {
        return Stream.of(
                arguments("dpo.beta=-0.1", "dpo.beta: must be > 0, found -0.1"),
                arguments("dpo.beta=", "dpo.beta: expected a number, found nothing"),
                arguments("dpo.beta=null", "dpo.beta: expected a number, found null"),
                arguments("dpo.betta=1", "dpo.betta: unknown key; did you mean dpo.beta?"),
                arguments("beta=1", "beta: unknown key; did you mean dpo.beta?"),
                arguments("dpo.beta", "expected KEY=VALUE, such as dpo.beta=0.2"),
                arguments("=3", "expected KEY=VALUE, such as dpo.beta=0.2"),
                arguments("dpo..beta=3", "expected KEY=VALUE, such as dpo.beta=0.2"),
                arguments("seed.x=3", "seed: expected a whole number, found a block of keys"),
                arguments("dpo.beta=[1", "not valid YAML: expected ',' or ']', but got <stream end>"),
                arguments("dpo={beta: 1, beta: 2}", "dpo.beta: stands twice in the same block"),
                arguments(
                        "pairs.per-prompt=4", "sampling.branches: must be at least 2 × pairs.per-prompt (8), found 6"),
                arguments(
                        "data.prompts=null",
                        "data.prompts: expected the path of a file of JSON lines, CSV or Parquet, found null"),
                arguments("data.prompts=''", "data.prompts: must be a text that is not empty, found \"\""),
                arguments("data.prompts=\"\\0\"", "data.prompts: expected a path, found \"\\u0000\""),
                arguments("model.device=gpu", "model.device: must be cpu, cuda or cuda:N, found \"gpu\""),
                arguments("model.threads=0", "model.threads: must be at least 1, found 0"),
                arguments("model.lora={rank: null}", "model.lora.rank: must be set where lora.from is not, found null"),
                arguments("model.lora={from: ' '}", "model.lora.from: must be a text that is not empty, found \" \""),
                arguments("model.lora.dropout=0.1", "model.lora.dropout: must be 0, found 0.1"),
                arguments(
                        "model.lora={targets: []}", "model.lora.targets: must be at least one layer's name, found []"),
                arguments(
                        "reward.verifier.kind=judge",
                        "reward.verifier.kind: expected numeric, exact, regex, choice, json-schema, contains or"
                                + " length, found \"judge\""),
                arguments(
                        "reward.verifier={kind: regex, pattern: '('}",
                        "reward.verifier.pattern: must be a regular expression, found \"(\" (Unclosed group near index"
                                + " 1)"),
                arguments(
                        "reward.verifier.trim=true",
                        "reward.verifier.trim: unknown key; expected answer-field, after, boxed, once, require-eos,"
                                + " tolerance or relative-tolerance"),
                arguments("reward.verifier.once=true", "reward.verifier.once: needs after, which is empty"),
                arguments("reward=null", "reward: expected a block of keys, found null"));
    }

    @ParameterizedTest
    @MethodSource("mistakesInOptions")
    void aMistakeInAnOptionIsNamedByTheOption(String set, String message) throws IOException {
        Path file = Files.writeString(folder.resolve("run.yaml"), GOOD + "sampling: { branches: 6 }\n");

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.read(file, List.of(set)))
                .satisfies(e -> assertThat(e.getMessage())
                        .startsWith("--set " + set + ": ")
                        .endsWith(message)
                        .doesNotContain("\n"));
    }

    @Test
    void whatIsMissingEverywhereIsNamedByTheFile() throws IOException {
        assertThat(message("", List.of()))
                .isEqualTo("model.policy: missing; expected the path of a Hugging Face model directory");
        assertThat(message("# only a remark\n", List.of("model.policy=base")))
                .isEqualTo("data.prompts: missing; expected the path of a file of JSON lines, CSV or Parquet");
        assertThat(message("", List.of("model.policy=base", "data.prompts=p.jsonl")))
                .isEqualTo("reward.verifier: missing; expected a reward: one of verifier, command, http, judge, java,"
                        + " classifier or sum");
        assertThat(message("", List.of("model.policy=base", "data.prompts=p.jsonl", "reward.verifier={}")))
                .isEqualTo(
                        "reward.verifier.kind: missing; expected numeric, exact, regex, choice, json-schema, contains or"
                                + " length");
        assertThat(message("", List.of("model.policy=b", "data.prompts=p.jsonl", "reward.verifier.kind=regex")))
                .isEqualTo("reward.verifier.pattern: missing; expected a regular expression");
    }

    @Test
    void aFileThatIsNoBlockOfKeysIsRefused() throws IOException {
        assertThat(message("- a\n- b\n", List.of())).isEqualTo("expected a block of keys, found [\"a\", \"b\"]");
        assertThat(message("just words\n", List.of())).isEqualTo("expected a block of keys, found \"just words\"");
    }

    @Test
    void aFileThatCannotBeReadIsNamed() throws IOException {
        Path latin = Files.write(folder.resolve("latin.yaml"), new byte[] {'a', ':', ' ', (byte) 0xe9});

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.read(Path.of("runs/x.yaml"), List.of()))
                .withMessage("runs/x.yaml: no such file");
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.read(folder, List.of()))
                .withMessage(folder + ": is a directory; expected a file");
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.read(latin, List.of()))
                .withMessage(latin + ": not valid UTF-8");
    }

    /** The message for a file, without the place at its beginning. */
    private String message(String yaml, List<String> sets) throws IOException {
        Path file = Files.writeString(folder.resolve("run.yaml"), yaml);
        try {
            RunFile.read(file, sets);
        } catch (InvalidInputException e) {
            return String.valueOf(e.getMessage()).replaceFirst("^\\Q" + file + "\\E(:1:1)?: ", "");
        }
        throw new AssertionError("was read without an error");
    }
}
