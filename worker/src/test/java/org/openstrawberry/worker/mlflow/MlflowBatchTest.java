package org.openstrawberry.worker.mlflow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.RunLayout;

/** How metrics are cut into requests, of which none may hold more than 1,000. */
class MlflowBatchTest {
    private final Path folder;

    MlflowBatchTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void asManyWholeRowsAsFitGoTogetherAndAWiderOneIsParted() throws IOException, InterruptedException {
        String rows = row(0, 400) + row(1, 400) + row(2, 400) + row(3, 2_500) + row(4, 1_000) + row(5, 3);
        Files.writeString(folder.resolve(RunLayout.RUN_FILE), "run: {id: wide}\n");
        Files.writeString(folder.resolve(RunLayout.METRICS), rows);
        try (FakeMlflow server = new FakeMlflow()) {
            new MlflowRun("wide", folder)
                    .sync(new MlflowServer(new MlflowAddress(server.url(), "e", Optional.empty())), false);

            assertThat(server.refused()).isEmpty();
            assertThat(server.batches()).containsExactly(800, 400, 1_000, 1_000, 500, 1_000, 3);
            FakeMlflow.Run logged = server.runs().values().iterator().next();
            assertThat(logged.metrics()).hasSize(4_703).doesNotHaveDuplicates();
            assertThat(logged.tags()).containsEntry(MlflowRun.LOGGED, "5");
        }
    }

    @Test
    void manyNarrowRowsTakeOneRequest() throws IOException, InterruptedException {
        Files.writeString(folder.resolve(RunLayout.RUN_FILE), "run: {id: long}\n");
        Files.writeString(
                folder.resolve(RunLayout.METRICS),
                IntStream.range(0, 100).mapToObj(i -> row(i, 10)).collect(Collectors.joining()));
        try (FakeMlflow server = new FakeMlflow()) {
            new MlflowRun("long", folder)
                    .sync(new MlflowServer(new MlflowAddress(server.url(), "e", Optional.empty())), false);

            assertThat(server.batches()).containsExactly(1_000);
        }
    }

    private static String row(int iteration, int width) {
        return IntStream.range(0, width)
                .mapToObj(i -> ",\"m" + i + "\":" + i)
                .collect(Collectors.joining("", "{\"iteration\":" + iteration, "}\n"));
    }
}
