package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Answers by search, of a run that is flat itself. */
class AskTreeTest {
    private static Path shared = Path.of("");

    private final Path folder;

    AskTreeTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @BeforeAll
    static void train(@TempDir Path directory) {
        shared = directory;
        Said trained = Said.by(new TinyRun(shared).train("run", "until.iterations=1", "data.held-out=null"));
        assertThat(trained.code()).isZero();
    }

    @Test
    void aThoughtIsAsLongAsTheRunLetsItBeUnlessAskedOtherwise() {
        String known = ask(shared.resolve("run"), "n in banana?").out();

        assertThat(ask(shared.resolve("run"), "n in banana?", "--max-new-tokens", "12")
                        .out())
                .isEqualTo(known);
        assertThat(ask(shared.resolve("run"), "n in banana?", "--max-new-tokens", "40")
                        .out())
                .isNotEqualTo(known);
    }

    @Test
    void aTreesMemoryForKeysAndValuesChangesNoAnswer() throws IOException {
        Path small = with("sampling={branching: tree, tree: {cache-mb: 0, step-tokens: 3}}");
        Path large = with("sampling={branching: tree, tree: {cache-mb: 64, step-tokens: 3}}");

        assertThat(ask(small, "r in berry?").out())
                .hasLineCount(1)
                .isEqualTo(ask(large, "r in berry?").out());
    }

    @Test
    void aRunIsAskedInItsOwnPrecisionAndThreads() throws IOException {
        Said said = ask(with("model={dtype: bfloat16, threads: 2}"), "r in berry?");

        assertThat(said.err()).isEmpty();
        assertThat(said.out()).hasLineCount(1);
    }

    @Test
    void aVoteNeedsNoReward() throws IOException {
        Path judged = with("reward={verifier: null, judge: {kind: pairwise, url: 'http://127.0.0.1:1/v1', model: m}}");

        Said vote = ask(judged, "r in berry?");
        assertThat(vote.err()).isEmpty();
        assertThat(vote.out()).hasLineCount(1);
        assertThat(ask(judged, "r in berry?", "--value", "reward").err())
                .contains("--value reward: the run's reward only compares thoughts; --value vote does without it");
    }

    @Test
    void withoutChanceThereIsNothingToSearch() {
        assertThat(ask(shared.resolve("run"), "r in berry?", "--temperature", "0")
                        .err())
                .contains("--temperature: found 0, expected more with --search tree");
    }

    @Test
    void linesAreAnsweredAsTheyCome() throws Exception {
        InputStream in = System.in;
        PrintStream out = System.out;
        Lines answers = new Lines();
        try (PipedOutputStream prompts = new PipedOutputStream();
                PipedInputStream given = new PipedInputStream(prompts)) {
            System.setIn(given);
            System.setOut(new PrintStream(answers, true, StandardCharsets.UTF_8));
            CompletableFuture<Integer> code = CompletableFuture.supplyAsync(
                    () -> Main.run(new String[] {"ask", shared + "/run", "--search", "tree"}));
            for (int line = 1; line <= 2; line++) {
                prompts.write("r in berry?\n".getBytes(StandardCharsets.UTF_8));
                prompts.flush();
                assertThat(answers.await(line)).isTrue();
            }
            prompts.close();
            assertThat(code.get(2, TimeUnit.MINUTES)).isZero();
        } finally {
            System.setIn(in);
            System.setOut(out);
        }
    }

    /** What is printed, and how many lines of it there are. */
    private static final class Lines extends ByteArrayOutputStream {
        @Override
        public synchronized void write(byte[] bytes, int offset, int length) {
            super.write(bytes, offset, length);
            notifyAll();
        }

        synchronized boolean await(int lines) throws InterruptedException {
            long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
            while (toString(StandardCharsets.UTF_8).lines().count() < lines && System.nanoTime() < end) {
                wait(1000);
            }
            return toString(StandardCharsets.UTF_8).lines().count() == lines;
        }
    }

    /** The run with other settings. */
    private Path with(String setting) throws IOException {
        Path copy = Files.createTempDirectory(folder, "run-");
        Files.delete(copy);
        TinyRun.copy(shared.resolve("run"), copy);
        Path file = copy.resolve("run.yaml");
        RunFile.write(RunFile.read(shared.resolve("run/run.yaml"), List.of(setting)), file);
        return copy;
    }

    private static Said ask(Path run, String prompt, String... options) {
        List<String> arguments = new ArrayList<>(List.of("ask", run.toString(), prompt, "--search", "tree"));
        arguments.addAll(List.of(options));
        return Said.by(arguments);
    }
}
