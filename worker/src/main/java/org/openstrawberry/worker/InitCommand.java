package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.node.TextNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunFileSchema;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Asks five questions and writes a run file with its comments. */
@Command(
        name = "init",
        mixinStandardHelpOptions = true,
        description =
                "Write a run file: asks for what the options don't say. An empty answer takes what is in brackets.")
final class InitCommand implements Callable<Integer> {
    /** By kind of reward: what is asked for, what is usual, and how it stands in a run file. */
    private enum Kind {
        NUMERIC(
                "Column of the prompts' file with the right number",
                "answer",
                "verifier: { kind: numeric, answer-field: %s }"),
        EXACT(
                "Column of the prompts' file with the right text",
                "answer",
                "verifier: { kind: exact, answer-field: %s }"),
        CHOICE(
                "Column of the prompts' file with the right letter",
                "answer",
                "verifier: { kind: choice, answer-field: %s }"),
        REGEX("Regular expression that a good completion matches", "\\S", "verifier: { kind: regex, pattern: %s }"),
        COMMAND("Program that scores samples (docs/rewards.md)", "./reward.py", "command: { run: [%s] }"),
        HTTP("Address of the service that scores samples", "http://localhost:8000/score", "http: { url: %s }"),
        CLASSIFIER("Directory of the reward model", "reward-model/", "classifier: { model: %s }");

        private final String question;
        private final String usual;
        private final String written;

        Kind(String question, String usual, String written) {
            this.question = question;
            this.usual = usual;
            this.written = written;
        }
    }

    private static final String TEMPLATE = """
            # yaml-language-server: $schema=%1$s
            # A run of Open Strawberry. Relative paths are relative to this file.
            #
            #   ./strawberry validate %2$s     checks it and all that it names
            #   ./strawberry plan %2$s         says what it would take
            #   ./strawberry train %2$s        trains, or goes on
            #
            # What is not named here has its default; an editor that knows the schema above lists every key.

            seed: 1

            model:
              policy: %3$s    # a Hugging Face directory
              # lora: { rank: 16 }    # adapters in the place of all weights: less memory

            data:
              prompts: %4$s    # JSON lines, CSV or Parquet
              prompt-field: prompt    # column with the prompt: a text, or a list of chat messages
              held-out-fraction: %5$s    # share of the prompts that is answered at evaluations and never trained on; null: none

            sampling:
              prompts: 16    # N prompts an iteration
              branches: 8    # B thoughts a prompt
              temperature: 1.0
              max-new-tokens: 128    # longest thought

            reward:
              %6$s

            pairs:
              per-prompt: 2    # K pairs a prompt, from the best and the worst of its thoughts; needs 2K ≤ B

            dpo:
              beta: 0.1    # higher: the policy stays nearer to the reference

            optimizer:
              learning-rate: 1.0e-5

            reference: { refresh: every, every: 5 }    # iterations

            until:
              iterations: 100    # also loss-below, held-out-at-least, plateau, kl-above, wall-time

            evaluation:
              every: 10    # iterations

            health:
              on-unhealthy: warn    # or pause, rollback, stop: docs/health.md
            """;

    @Parameters(index = "0", arity = "0..1", paramLabel = "RUN.yaml", description = "The file to write.")
    private Path runFile = Path.of("run.yaml");

    @Option(names = "--model", paramLabel = "DIR", description = "The model to start from, a Hugging Face directory.")
    private @Nullable String model;

    @Option(names = "--prompts", paramLabel = "FILE", description = "The prompts: JSON lines, CSV or Parquet.")
    private @Nullable String prompts;

    @Option(
            names = "--reward",
            paramLabel = "KIND",
            description = "What scores a thought: ${COMPLETION-CANDIDATES}; capitals or not.")
    private @Nullable Kind reward;

    @Option(
            names = "--reward-by",
            paramLabel = "TEXT",
            description = "What the reward needs: a column, a pattern, a program, an address or a directory.")
    private @Nullable String rewardBy;

    @Option(names = "--held-out", paramLabel = "SHARE", description = "Share of the prompts to hold out; 0 for none.")
    private @Nullable String heldOut;

    @Override
    public Integer call() throws IOException {
        if (Files.exists(runFile)) {
            throw new InvalidInputException(runFile + ": exists already; expected a file that is not there");
        }
        BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String policy = model != null ? model : ask(answers, "Directory of the model to start from", "my-model/");
        String data = prompts != null ? prompts : ask(answers, "File with the prompts", "train.jsonl");
        Kind kind = reward != null ? reward : kind(ask(answers, "Reward: " + kinds(), "numeric"));
        String by = rewardBy != null ? rewardBy : ask(answers, kind.question, kind.usual);
        String share = heldOut != null ? heldOut : ask(answers, "Share of the prompts to hold out, 0 for none", "0.1");
        String schema = RunFileSchema.FILE;
        String text = String.format(
                TEMPLATE,
                schema,
                runFile,
                quoted(policy),
                quoted(data),
                share(share),
                String.format(kind.written, quoted(by)));
        check(text);
        Files.writeString(runFile, text);
        Path beside = runFile.resolveSibling(schema);
        if (!Files.exists(beside)) {
            Files.writeString(beside, RunFileSchema.text());
        }
        System.out.println("Wrote " + runFile + ". Next: ./strawberry validate " + runFile);
        return 0;
    }

    /** Before anything is written: an answer may be one that no run file can hold. */
    private void check(String text) throws IOException {
        Path folder = runFile.toAbsolutePath().getParent();
        Path temporary = Files.createTempFile(folder, ".run", ".yaml");
        try {
            Files.writeString(temporary, text);
            RunFile.read(temporary, List.of("name=run"));
        } catch (InvalidInputException e) {
            throw new InvalidInputException(
                    String.valueOf(e.getMessage()).replace(temporary.toString(), runFile.toString()), e);
        } finally {
            Files.delete(temporary);
        }
    }

    private static String ask(BufferedReader answers, String question, String usual) throws IOException {
        System.out.print(question + " [" + usual + "]: ");
        System.out.flush();
        String answer = answers.readLine();
        if (System.console() == null) {
            System.out.println(answer == null ? "" : answer);
        }
        return answer == null || answer.isBlank() ? usual : answer.strip();
    }

    private static Kind kind(String answer) {
        Kind kind = byName().get(answer);
        if (kind == null) {
            throw new InvalidInputException("reward: found " + quoted(answer) + ", expected one of " + kinds());
        }
        return kind;
    }

    private static String kinds() {
        return String.join(", ", byName().keySet());
    }

    private static Map<String, Kind> byName() {
        Map<String, Kind> names = new TreeMap<>();
        for (Kind kind : Kind.values()) {
            names.put(kind.name().toLowerCase(Locale.ROOT), kind);
        }
        return names;
    }

    private static String share(String text) {
        try {
            return Double.parseDouble(text) == 0 ? "null" : text;
        } catch (NumberFormatException e) {
            throw new InvalidInputException(
                    "held-out: found " + quoted(text) + ", expected a share of the prompts such as 0.1", e);
        }
    }

    /** As YAML reads it back, whatever it holds. */
    private static String quoted(String text) {
        return TextNode.valueOf(text).toString();
    }
}
