package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.worker.TrainCommandTest.Said;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;

/**
 * Every command in the docs is one that the program understands, and those that need no server and no long time are run,
 * in the order in which they stand, in a folder with the files that they name. Those of the tutorial are run by
 * {@link TutorialTest}.
 */
class DocsCommandsTest {
    private static final Pattern SPAN = Pattern.compile("`([^`]*\\./strawberry [^`]*)`");
    private static final Pattern WORD = Pattern.compile("\"((?:\\\\.|[^\"])*)\"|'([^']*)'|(\\S+)");
    private static final Pattern FILE = Pattern.compile(
            "(runs|config|base|data|my-model|DIR|A|B|RUN_DIR)(/.*)?|.*\\.(yaml|jsonl|html|zip|safetensors)");

    /** Commands that need more than a test of seconds has, and what tests them. */
    private static final List<Left> NOT_RUN = List.of(
            new Left("(worker|server|start|watch|list|show|pause|resume|stop|result|adjust|schedule).*", "a server"),
            new Left(".*--server .*", "a server"),
            new Left("fork my-run .*", "a server"),
            new Left("train( #.*)?", "a minute; KillTest trains the shipped run"),
            new Left("train --run-dir runs/seed-1 .*", "a minute"),
            new Left("train --web( .*)?", "a minute; LivePageTest"),
            new Left("(train|reward train) config/runs/.*", "minutes; RewardModelRunTest, TreeRunTest"),
            new Left("(inspect|ask) runs/arithmetic-chain .*", "that run; TreeRunTest"),
            new Left("sweep .*", "minutes; SweepTest"),
            new Left("train runs/NAME/trials/.*", "a sweep; SweepTest"),
            new Left("reward train .*", "its own data; RewardTrainCommandTest"),
            new Left("train my-run.yaml .*--metrics.*", "a port; MetricsEndpointTest"),
            new Left("train( my-run.yaml)? --log-json", "RunLogTest"),
            new Left("train my-run.yaml --set sampling.branching=tree", "TreeRunTest"),
            new Left(
                    "model (merge|diff|score|generate|dpo) .*",
                    "inputs; ModelToolTest, ModelDpoCommandTest, LoraRunTest"),
            new Left(
                    "(schema|generate-completion|init my-run.yaml|model init .*|data .*)",
                    "ReadyCommandsTest and others"),
            new Left("inspect runs/letter-count --iteration 25 .*", "a long run; LineageCommandsTest"),
            new Left(".*(RUN_DIR|RUN.yaml|DIR|ID|SWEEP.yaml|PREFS.jsonl|NAME).*", "names of nothing in particular"));

    private final Path folder;

    DocsCommandsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    private record Left(String command, String needs) {}

    /**
     * A command line, without what is not the program's.
     *
     * @param named in a sentence, where it may lack what it needs
     */
    private record Command(String page, int line, String text, boolean named) {
        List<String> words() {
            List<String> words = new ArrayList<>();
            for (MatchResult word : WORD.matcher(text).results().toList()) {
                String quoted = word.group(1) != null ? word.group(1).replace("\\\"", "\"") : word.group(2);
                words.add(quoted != null ? quoted : word.group(3));
            }
            return words;
        }

        @Override
        public String toString() {
            return page + ":" + line + ": " + text;
        }
    }

    @Test
    void everyCommandIsUnderstood() throws IOException {
        List<String> wrong = new ArrayList<>();
        List<Command> commands = commands();
        for (Command command : commands) {
            try {
                Main.commandLine().parseArgs(command.words().toArray(String[]::new));
            } catch (MissingParameterException e) {
                if (!command.named()) {
                    wrong.add(command + ": " + e.getMessage());
                }
            } catch (ParameterException e) {
                wrong.add(command + ": " + e.getMessage());
            }
        }
        assertThat(commands).hasSizeGreaterThan(60);
        assertThat(wrong).isEmpty();
    }

    @Test
    void whatCanBeRunInSecondsIs() throws IOException {
        ShippedRuns.copyTo("letter-count", folder.resolve("config/runs"));
        TinyRun run = new TinyRun(folder);
        assertThat(Said.by(run.train("runs/letter-count", "until.iterations=4")).code())
                .isZero();
        Files.copy(folder.resolve("runs/letter-count/run.yaml"), folder.resolve("my-run.yaml"));
        Files.createDirectory(folder.resolve("runs/seed-2"));
        Files.copy(folder.resolve("my-run.yaml"), folder.resolve("runs/seed-2/run.yaml"));
        Set<String> done = new LinkedHashSet<>();
        for (Command command : commands()) {
            boolean left = NOT_RUN.stream().anyMatch(exception -> command.text().matches(exception.command()));
            if (!left && !command.named() && done.add(command.text())) {
                List<String> words =
                        new ArrayList<>(command.words().stream().map(this::here).toList());
                if (words.get(0).equals("plan")) {
                    words.add("--no-probe"); // of ten seconds; ReadyCommandsTest has it
                }
                if (words.get(0).equals("train") && !words.contains("--run-dir")) {
                    words.addAll(List.of("--run-dir", here("runs/my-run"))); // by default below the working directory
                }
                assertThat(Said.by(words))
                        .as(command.toString())
                        .satisfies(
                                said -> assertThat(said.code()).as(said.err()).isZero());
            }
        }
        assertThat(done).hasSizeGreaterThan(8);
    }

    @Test
    void everyExceptionIsOfACommandThatTheDocsHave() throws IOException {
        List<Command> commands = commands();
        assertThat(NOT_RUN)
                .allMatch(exception -> commands.stream().anyMatch(c -> c.text().matches(exception.command())));
    }

    private String here(String word) {
        return FILE.matcher(word).matches() ? folder.resolve(word).toString() : word;
    }

    private static List<Command> commands() throws IOException {
        List<Command> commands = new ArrayList<>();
        for (Markdown page : Markdown.all()) {
            for (Markdown.Line line : page.prose()) {
                SPAN.matcher(line.text())
                        .results()
                        .forEach(span -> add(page, line.number(), span.group(1), true, commands));
            }
            if (!page.toString().endsWith("tutorial.md")) {
                for (Markdown.Block block : page.blocks()) {
                    String text = block.text().replaceAll("\\\\\\n\\s*", "");
                    text.lines()
                            .filter(line -> line.matches("(\\$ )?([A-Z_]+=\\S+ )?\\./strawberry .*"))
                            .forEach(line -> add(page, block.line(), line, false, commands));
                }
            }
        }
        return commands;
    }

    private static void add(Markdown page, int line, String written, boolean named, List<Command> commands) {
        String text = written.replaceFirst("^.*?\\./strawberry ", "")
                .replaceFirst("\\s+#.*", "")
                .replaceFirst("\\s+&$", "")
                .replaceFirst("\\)$", "")
                .replaceAll("[\\[\\]]…?(?![^{]*})", "")
                .replaceAll("[… ]+$", "")
                .replaceAll(" …", "")
                .replaceAll("(\\s)([NTSPKB])(?=\\s|$)", "$11")
                .strip();
        commands.add(new Command(page.toString(), line, text, named));
    }
}
