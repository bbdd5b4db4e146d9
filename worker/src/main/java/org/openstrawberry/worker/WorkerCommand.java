package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewards.LocalClassifiers;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.WorkerFile;
import org.openstrawberry.config.WorkerSpec;
import org.openstrawberry.worker.RunWorkers.Role;
import org.openstrawberry.worker.live.RunSource;
import org.openstrawberry.worker.live.Served;
import org.openstrawberry.worker.live.WebOptions;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Works on the runs of a server until it is told to end. */
@Command(
        name = "worker",
        mixinStandardHelpOptions = true,
        description = "Work on the runs of a Temporal server; SIGTERM lets the steps under way finish.")
final class WorkerCommand implements Callable<Integer> {
    @Option(
            names = "--roles",
            split = ",",
            paramLabel = "ROLE",
            description = "thoughts, rewards, trainer or all; by default all.")
    private List<String> roles = List.of("all");

    @Option(
            names = "--config",
            paramLabel = "WORKER.yaml",
            description = "Slots and pollers by role, as in docs/operations.md.")
    private @Nullable Path file;

    @Option(
            names = "--slots",
            split = ",",
            paramLabel = "ROLE=N",
            description = "Steps at a time, such as thoughts=2,rewards=8,trainer=64, which are the defaults.")
    private List<String> slots = List.of();

    @Option(
            names = "--pollers",
            split = ",",
            paramLabel = "ROLE=N",
            description =
                    "Requests for work at a time, such as thoughts=1,rewards=2,trainer=2, which are the defaults.")
    private List<String> pollers = List.of();

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Option(names = "--log-json", description = "Write the log, on standard error, as JSON lines.")
    private boolean logJson;

    @Mixin
    private MonitoringOptions monitoring = new MonitoringOptions();

    @Mixin
    private WebOptions web = new WebOptions();

    @Override
    public Integer call() throws Exception {
        Set<Role> chosen = EnumSet.noneOf(Role.class);
        for (String role : roles) {
            chosen.addAll(parse(role.strip()));
        }
        WorkerSpec tuning = WorkerFile.read(Optional.ofNullable(file), slots, pollers);
        CountDownLatch ended = RunWatch.onInterrupt(() -> System.err.println("Finishing the steps under way."));
        try (MonitoringOptions.Opened onlookers = monitoring.open();
                Strawberry temporal = server.connect(onlookers.endpoint().temporal());
                Tensors tensors = new Tensors();
                Rewards rewards = new Rewards(new LocalClassifiers(tensors));
                RunWorkers workers = new RunWorkers(
                        temporal.client(),
                        onlookers.monitoring(),
                        tensors,
                        rewards,
                        chosen,
                        tuning,
                        Optional.of(temporal.address()));
                Served page = web.open(() -> new RunSource.All(temporal))) {
            RunLog.intoErrors(logJson);
            workers.start();
            System.out.println("Working on " + temporal.address() + " as "
                    + chosen.toString().toLowerCase(Locale.ROOT)
                    + onlookers
                            .endpoint()
                            .port()
                            .map(port -> ", metrics on port " + port)
                            .orElse(""));
            ended.await();
            workers.drain();
            return 0;
        }
    }

    private static Set<Role> parse(String role) {
        if (role.equals("all")) {
            return EnumSet.allOf(Role.class);
        }
        for (Role known : Role.values()) {
            if (known.name().toLowerCase(Locale.ROOT).equals(role)) {
                return EnumSet.of(known);
            }
        }
        throw new InvalidInputException("--roles: found \"" + role + "\", expected thoughts, rewards, trainer or all");
    }
}
