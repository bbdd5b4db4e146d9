package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.config.Durations;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.client.Overlap;
import org.openstrawberry.workflows.client.RunSchedule;
import org.openstrawberry.workflows.client.RunSchedules;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.client.Timing;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Schedules of a server that start runs. */
@Command(
        name = "schedule",
        mixinStandardHelpOptions = true,
        description = "Schedules of a Temporal server that start runs.",
        subcommands = {
            ScheduleCommand.Create.class,
            ScheduleCommand.Schedules.class,
            ScheduleCommand.Pause.class,
            ScheduleCommand.Resume.class,
            ScheduleCommand.Trigger.class,
            ScheduleCommand.Delete.class
        })
final class ScheduleCommand {
    /** What the commands share. */
    abstract static class OnServer implements Callable<Integer> {
        @Option(names = "--json", description = "Print JSON, one object a line.")
        private boolean json;

        @Mixin
        private ServerOptions server = new ServerOptions();

        @Override
        public Integer call() throws Exception {
            try (Strawberry temporal = server.connect()) {
                for (RunSchedule schedule : run(temporal.schedules())) {
                    print(schedule);
                }
                return 0;
            }
        }

        /** Does it, and says which schedules to print. */
        abstract List<RunSchedule> run(RunSchedules schedules);

        private void print(RunSchedule schedule) throws Exception {
            String next = schedule.next().map(Instant::toString).orElse("never");
            if (!json) {
                System.out.printf(
                        Locale.ROOT,
                        "%-24s %-8s next %s, %d started, %d skipped%n",
                        schedule.name(),
                        schedule.paused() ? "paused" : "active",
                        next,
                        schedule.started(),
                        schedule.skipped());
                return;
            }
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("name", schedule.name());
            line.put("paused", schedule.paused());
            line.put("next", next);
            line.put("started", schedule.started());
            line.put("skipped", schedule.skipped());
            line.put("runs", schedule.runs());
            System.out.println(new ObjectMapper().writeValueAsString(line));
        }
    }

    /** Creates one. */
    @Command(
            name = "create",
            mixinStandardHelpOptions = true,
            description = "Create a schedule; each of its runs has a directory of its own in --run-dir.")
    static final class Create extends OnServer {
        @Parameters(index = "0", paramLabel = "NAME", description = "Begins the ids of its runs.")
        private String name = "";

        @Parameters(
                index = "1",
                arity = "0..1",
                paramLabel = "RUN.yaml",
                description = "What to train; without it the shipped demo.")
        private @Nullable Path runFile;

        @Option(names = "--cron", paramLabel = "EXPR", description = "When, such as \"0 2 * * *\", in UTC.")
        private @Nullable String cron;

        @Option(names = "--every", paramLabel = "DURATION", description = "How often, such as 90m, 12h or 2d.")
        private @Nullable String every;

        @Option(
                names = "--overlap",
                paramLabel = "POLICY",
                description = "What to do while one of its runs is running: skip, buffer-one, buffer-all, cancel-other,"
                        + " terminate-other or allow-all; by default skip.")
        private String overlap = "skip";

        @Option(names = "--run-dir", paramLabel = "DIR", description = "By default runs/NAME.")
        private @Nullable Path folder;

        @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
        private List<String> sets = List.of();

        @Override
        public Integer call() throws Exception {
            if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
                throw new InvalidInputException(
                        "NAME: found \"" + name + "\", expected letters, digits, '.', '_' and '-'");
            }
            timing();
            overlap();
            return super.call();
        }

        @Override
        List<RunSchedule> run(RunSchedules schedules) {
            if (schedules.find(name).isPresent()) {
                throw new InvalidInputException(name + ": there is a schedule of that name already");
            }
            RunPreparation run = RunPreparation.read(runFile, folder == null ? Path.of("runs", name) : folder, sets);
            RunSetup.check(run.spec());
            return List.of(schedules.create(
                    name, timing(), overlap(), run.spec(), run.directory().toString()));
        }

        private Timing timing() {
            if (cron != null && every == null) {
                return new Timing.Cron(cron);
            }
            if (every != null && cron == null) {
                String text = every;
                Duration interval = Durations.parse(text)
                        .orElseThrow(() -> new InvalidInputException(
                                "--every: found \"" + text + "\", expected " + Durations.EXPECTED));
                return new Timing.Every(interval);
            }
            throw new InvalidInputException(
                    "--cron, --every: found " + (cron == null ? "neither" : "both") + ", expected one of them");
        }

        private Overlap overlap() {
            List<String> known = new ArrayList<>();
            for (Overlap policy : Overlap.values()) {
                String written = policy.name().toLowerCase(Locale.ROOT).replace('_', '-');
                if (written.equals(overlap)) {
                    return policy;
                }
                known.add(written);
            }
            throw new InvalidInputException(
                    "--overlap: found \"" + overlap + "\", expected one of " + String.join(", ", known));
        }
    }

    /** Lists them. */
    @Command(name = "list", mixinStandardHelpOptions = true, description = "List the schedules that start runs.")
    static final class Schedules extends OnServer {
        @Override
        List<RunSchedule> run(RunSchedules schedules) {
            return schedules.list();
        }
    }

    /** Does something with one. */
    abstract static class OnOne extends OnServer {
        @Parameters(index = "0", paramLabel = "NAME", description = "The schedule.")
        private String name = "";

        @Override
        List<RunSchedule> run(RunSchedules schedules) {
            act(schedules, name);
            return schedules.find(name).stream().toList();
        }

        abstract void act(RunSchedules schedules, String schedule);
    }

    /** Pauses one. */
    @Command(name = "pause", mixinStandardHelpOptions = true, description = "Start no more runs; running ones go on.")
    static final class Pause extends OnOne {
        @Override
        void act(RunSchedules schedules, String schedule) {
            schedules.pause(schedule);
        }
    }

    /** Goes on with one. */
    @Command(name = "resume", mixinStandardHelpOptions = true, description = "Start runs again after a pause.")
    static final class Resume extends OnOne {
        @Override
        void act(RunSchedules schedules, String schedule) {
            schedules.resume(schedule);
        }
    }

    /** Lets one be due. */
    @Command(name = "trigger", mixinStandardHelpOptions = true, description = "Be due once, now, paused or not.")
    static final class Trigger extends OnOne {
        @Override
        void act(RunSchedules schedules, String schedule) {
            schedules.trigger(schedule);
        }
    }

    /** Deletes one. */
    @Command(name = "delete", mixinStandardHelpOptions = true, description = "Delete a schedule; its runs stay.")
    static final class Delete extends OnOne {
        @Override
        void act(RunSchedules schedules, String schedule) {
            schedules.delete(schedule);
        }
    }
}
