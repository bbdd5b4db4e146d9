package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClient;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WorkerSpec;
import org.openstrawberry.config.WorkerSpec.Counts;
import org.openstrawberry.worker.RunWorkers.Role;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;

/** A reward that is asked over HTTP: by the process that generates, wave by wave, or by another, shard by shard. */
class ServiceRewardTest {
    private static final WorkerSpec TUNING = new WorkerSpec(new Counts(2, 2, 2), new Counts(1, 1, 1));
    private static final int SEQUENCES = 3 * 6 * 6;

    private final TinyRun run;

    ServiceRewardTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void scoresAreTheSameWhoeverAsksAndEachSequenceIsAskedForOnce() throws Exception {
        int waveByWave = train("waves", List.of(EnumSet.allOf(Role.class)));
        int shardByShard = train("shards", List.of(EnumSet.of(Role.THOUGHTS, Role.TRAINER), EnumSet.of(Role.REWARDS)));

        assertThat(run.outcome("waves")).isEqualTo(run.outcome("shards"));
        assertThat(List.of(waveByWave, shardByShard)).containsOnly(SEQUENCES);
    }

    private int train(String name, List<Set<Role>> fleet) throws Exception {
        try (SlowService service = new SlowService(5)) {
            RunSpec spec = RunFile.read(
                    run.file(),
                    run.settings(
                            "until.iterations=3",
                            "data.held-out=null",
                            "sampling.wave-rows=6",
                            "reward.verifier=null",
                            "reward.http={url: '" + service.url() + "', batch: 1}"));
            Path directory = run.directory(name);
            RunSetup.prepare(spec, directory);
            try (EmbeddedTemporal temporal = EmbeddedTemporal.start();
                    Tensors tensors = new Tensors()) {
                WorkflowClient client = temporal.client();
                List<RunWorkers> workers = fleet.stream()
                        .map(roles -> new RunWorkers(
                                client,
                                new SimpleMeterRegistry(),
                                tensors,
                                new Rewards(),
                                roles,
                                TUNING,
                                Optional.empty()))
                        .toList();
                try {
                    workers.forEach(RunWorkers::start);
                    RunHandle.start(client, name, TrainingInput.start(spec, directory.toString()))
                            .result()
                            .block();
                } finally {
                    workers.forEach(RunWorkers::close);
                }
            }
            return service.requests();
        }
    }
}
