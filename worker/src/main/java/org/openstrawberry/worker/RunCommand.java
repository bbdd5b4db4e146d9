package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowQueryException;
import io.temporal.client.WorkflowServiceException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.openstrawberry.activities.rewardmodel.RewardTrainingRun;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.RunMeters.State;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What the commands share that look at one run on a server, or steer it. */
abstract class RunCommand implements Callable<Integer> {
    private static final ObjectMapper JSON =
            JsonMapper.builder().addModule(new Jdk8Module()).build();

    @Parameters(index = "0", paramLabel = "ID", description = "The run's id.")
    private String id = "";

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Override
    public Integer call() throws Exception {
        refuseEmbedded();
        try (Strawberry temporal = server.connectToWorkers()) {
            RunHandle run = temporal.attach(id);
            if (!steersRewardTraining() && run.trainsRewardModel()) {
                throw new InvalidInputException(
                        id + ": is the training of a reward model, which the command that started it shows; expected a"
                                + " run of online DPO (only show, pause, resume and stop are for both)");
            }
            return asked(temporal, run);
        } catch (WorkflowNotFoundException e) {
            throw new InvalidInputException(id + ": no run of that id is running on this server", e);
        }
    }

    private int asked(Strawberry temporal, RunHandle run) throws Exception {
        try {
            return run(run);
        } catch (WorkflowServiceException | WorkflowQueryException e) {
            String reason = new RunEnds(temporal.client())
                            .apply(id)
                            .filter(State.FAILED::equals)
                            .isPresent()
                    ? "has ended before its time, and answers no more; ./strawberry resume " + id + " goes on with it"
                    : "no worker answers for it; expected one that does, as ./strawberry worker starts it";
            throw new InvalidInputException(id + ": " + reason, e);
        }
    }

    abstract int run(RunHandle run) throws Exception;

    /** Whether the command is also for the training of a reward model. */
    boolean steersRewardTraining() {
        return false;
    }

    String id() {
        return id;
    }

    /** Prints the value as JSON where that is asked for, else the words. */
    void print(Object value, String words) throws Exception {
        System.out.println(json ? JSON.writeValueAsString(value) : words);
    }

    private void refuseEmbedded() {
        Path directory = Path.of(id);
        boolean run = Files.exists(directory.resolve(RunLayout.RUN_FILE));
        if ((run || RewardTrainingRun.isOne(directory))
                && RunSetup.serverOf(directory).isEmpty()) {
            throw new InvalidInputException(directory
                    + ": is an embedded run, whose server lives in its own process; expected the id of a run that was"
                    + " started with --server"
                    + (run ? " (./strawberry report " + directory + " shows this one)" : ""));
        }
    }
}
