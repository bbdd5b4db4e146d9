package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import blue.strategic.parquet.ParquetWriter;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Types;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.store.Json;

/** Real processes, ended as a power cut would. */
class KillTest {
    /** What each kill waits for, so that the warm-up and every phase meet at least one. */
    private static final List<String> MOMENTS = List.of(
            "run.yaml",
            "checkpoints/warmup-000004",
            "checkpoints/000000",
            "iterations/000001/prompts.jsonl",
            "iterations/000001/thoughts-00.jsonl",
            "iterations/000002/scores-00.jsonl",
            "iterations/000003/pairs.jsonl",
            "iterations/000004/step.json",
            "iterations/000004/reference.json",
            "iterations/000006/evaluation.jsonl");

    private final TinyRun run;

    KillTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void aRunKilledTenTimesEndsWithTheSameWeightsAndPairs() throws Exception {
        trainUndisturbed();
        killAt(MOMENTS);

        assertThat(run.outcome("killed")).isEqualTo(run.outcome("undisturbed"));
        assertThat(run.optimizer("killed")).isEqualTo(run.optimizer("undisturbed"));
        assertThat(sequences("killed")).hasSize(6 * 6 * 6).doesNotHaveDuplicates();
        assertThat(run.metrics("killed")).hasSize(7).isEqualTo(run.metrics("undisturbed"));
    }

    @Test
    void soDoesARunOfAdaptersInBfloat16WithARewardModelOnPromptsFromParquet() throws Exception {
        String[] settings = {
            "model.dtype=bfloat16",
            "model.lora={rank: 2, targets: [q_proj, down_proj]}",
            "data.prompts=" + parquet(),
            "reward.verifier=null",
            "reward.classifier.model=" + run.rewardModel()
        };
        trainUndisturbed(settings);
        killAt(
                List.of(
                        "checkpoints/warmup-000008",
                        "iterations/000001/thoughts-00.jsonl",
                        "iterations/000003/pairs.jsonl",
                        "iterations/000004/step.json"),
                settings);

        assertThat(run.outcome("killed")).isEqualTo(run.outcome("undisturbed"));
        assertThat(run.optimizer("killed")).isEqualTo(run.optimizer("undisturbed"));
        assertThat(run.metrics("killed")).hasSize(7).isEqualTo(run.metrics("undisturbed"));
    }

    @Test
    void soDoesARunOfTreesKilledBetweenItsWaves() throws Exception {
        String[] settings = {
            "sampling.branching=tree",
            "sampling.tree={step-tokens: 3, width: 2, simulations: 10}",
            "data.held-out=null",
            "until.iterations=3"
        };
        trainUndisturbed(settings);
        killAt(
                List.of(
                        "iterations/000001/wave-00-0000.jsonl",
                        "iterations/000002/wave-00-0001-scores.jsonl",
                        "iterations/000003/wave-01-0002.jsonl"),
                settings);

        assertThat(run.outcome("killed")).isEqualTo(run.outcome("undisturbed"));
        for (String tree : List.of("000001/tree-00", "000002/tree-01", "000003/tree-00")) {
            assertThat(run.directory("killed").resolve("iterations/" + tree + ".jsonl"))
                    .hasSameBinaryContentAs(run.directory("undisturbed").resolve("iterations/" + tree + ".jsonl"));
        }
    }

    private Path parquet() throws IOException {
        Path file = run.directory("prompts.parquet");
        MessageType schema = Types.buildMessage()
                .required(PrimitiveType.PrimitiveTypeName.BINARY)
                .as(LogicalTypeAnnotation.stringType())
                .named("prompt")
                .named("prompts");
        try (ParquetWriter<String> out =
                ParquetWriter.writeFile(schema, file.toFile(), (prompt, row) -> row.write("prompt", prompt))) {
            for (String word : List.of("strawberry", "raspberry", "banana", "mango", "cherry", "plum", "fig", "kiwi")) {
                out.write("r in " + word + "?");
            }
        }
        return file;
    }

    private void trainUndisturbed(String... settings) {
        assertThat(Main.run(run.train("undisturbed", settings).toArray(String[]::new)))
                .isZero();
    }

    private void killAt(List<String> moments, String... settings) throws Exception {
        Random random = new Random(20261125);
        for (String each : moments) {
            Process process = start("killed", settings);
            Path moment = run.directory("killed").resolve(each);
            while (process.isAlive() && !Files.exists(moment)) {
                Thread.sleep(2);
            }
            Thread.sleep(random.nextInt(40));
            process.destroyForcibly();
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(start("killed", settings).waitFor()).isZero();
    }

    private Process start(String name, String... settings) throws IOException {
        List<String> command = TestProcesses.ours(run.train(name, settings));
        File output = run.directory(name + ".out").toFile();
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(output))
                .start();
    }

    private List<String> sequences(String name) throws IOException {
        List<String> keys = new ArrayList<>();
        Set<Path> files = new HashSet<>();
        try (Stream<Path> walk = Files.walk(run.directory(name).resolve("iterations"))) {
            walk.filter(path -> path.getFileName().toString().matches("thoughts-\\d+\\.jsonl"))
                    .forEach(files::add);
        }
        for (Path file : files) {
            Json.readLines(file, ThoughtLine.class)
                    .forEach(line -> keys.add(line.iteration() + "/" + line.prompt() + "/" + line.branch()));
        }
        return keys;
    }
}
