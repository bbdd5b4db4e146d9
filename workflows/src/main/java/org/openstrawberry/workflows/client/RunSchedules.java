package org.openstrawberry.workflows.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.client.WorkflowClient;
import io.temporal.client.schedules.Schedule;
import io.temporal.client.schedules.ScheduleActionExecutionStartWorkflow;
import io.temporal.client.schedules.ScheduleActionStartWorkflow;
import io.temporal.client.schedules.ScheduleAlreadyRunningException;
import io.temporal.client.schedules.ScheduleClient;
import io.temporal.client.schedules.ScheduleClientOptions;
import io.temporal.client.schedules.ScheduleDescription;
import io.temporal.client.schedules.ScheduleException;
import io.temporal.client.schedules.ScheduleHandle;
import io.temporal.client.schedules.ScheduleListActionStartWorkflow;
import io.temporal.client.schedules.ScheduleListDescription;
import io.temporal.client.schedules.ScheduleOptions;
import io.temporal.client.schedules.SchedulePolicy;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.TrainingWorkflow;

/**
 * The schedules of a server that start runs. Each run has an id of its own, the schedule's name and the time, and a run
 * directory of that name. Every method throws an {@link InvalidInputException} where the server has no schedule of the
 * name.
 */
public final class RunSchedules {
    private final ScheduleClient schedules;
    private final String address;

    RunSchedules(WorkflowClient client, String address) {
        this.address = address;
        this.schedules = ScheduleClient.newInstance(
                client.getWorkflowServiceStubs(),
                ScheduleClientOptions.newBuilder()
                        .setNamespace(client.getOptions().getNamespace())
                        .setIdentity(client.getOptions().getIdentity())
                        .setDataConverter(client.getOptions().getDataConverter())
                        .setContextPropagators(client.getOptions().getContextPropagators())
                        .build());
    }

    /**
     * Creates a schedule. The settings are those of every run; its data is read anew by each.
     *
     * @param name begins the runs' ids
     * @param folder in which each run gets its directory, an absolute path as the workers see it
     * @throws InvalidInputException if the name is taken, or the server can't read the timing
     */
    public RunSchedule create(String name, Timing timing, Overlap overlap, RunSpec spec, String folder) {
        TrainingInput input = TrainingInput.start(spec, folder + "/" + TrainingInput.RUN_ID);
        Schedule schedule = Schedule.newBuilder()
                .setAction(ScheduleActionStartWorkflow.newBuilder()
                        .setWorkflowType(TrainingWorkflow.class)
                        .setOptions(RunHandle.options(name, input))
                        .setArguments(input)
                        .build())
                .setSpec(timing.spec())
                .setPolicy(
                        SchedulePolicy.newBuilder().setOverlap(overlap.policy()).build())
                .build();
        try {
            return state(schedules
                    .createSchedule(name, schedule, ScheduleOptions.newBuilder().build())
                    .describe());
        } catch (ScheduleAlreadyRunningException e) {
            throw new InvalidInputException(name + ": there is a schedule of that name on " + address, e);
        } catch (ScheduleException e) {
            throw invalid(
                    e,
                    Status.Code.INVALID_ARGUMENT,
                    status -> name + ": the server refuses " + timing.words() + ": " + status.getDescription());
        }
    }

    /** All of them, by name. The server may take a second until it lists a new one. */
    public List<RunSchedule> list() {
        try (Stream<ScheduleListDescription> all = schedules.listSchedules()) {
            return all.filter(RunSchedules::startsRuns)
                    .map(ScheduleListDescription::getScheduleId)
                    .sorted()
                    .flatMap(name -> find(name).stream())
                    .toList();
        }
    }

    /** The schedule of that name, if there is one. */
    public Optional<RunSchedule> find(String name) {
        try {
            return Optional.of(state(schedules.getHandle(name).describe()));
        } catch (ScheduleException e) {
            if (status(e)
                    .filter(status -> status.getCode() == Status.Code.NOT_FOUND)
                    .isPresent()) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** Starts nothing any more until {@link #resume}; runs that are running go on. */
    public void pause(String name) {
        known(name, ScheduleHandle::pause);
    }

    /** Starts runs again. */
    public void resume(String name) {
        known(name, ScheduleHandle::unpause);
    }

    /** Is due now, once, paused or not; what that means while a run is running, its {@link Overlap} says. */
    public void trigger(String name) {
        known(name, ScheduleHandle::trigger);
    }

    /** Forgets the schedule; its runs stay. */
    public void delete(String name) {
        known(name, ScheduleHandle::delete);
    }

    private void known(String name, Consumer<ScheduleHandle> action) {
        try {
            action.accept(schedules.getHandle(name));
        } catch (ScheduleException e) {
            throw invalid(e, Status.Code.NOT_FOUND, status -> name + ": no such schedule on " + address);
        }
    }

    private static boolean startsRuns(ScheduleListDescription schedule) {
        return schedule.getSchedule().getAction() instanceof ScheduleListActionStartWorkflow action
                && action.getWorkflow().equals(TrainingWorkflow.class.getSimpleName());
    }

    private static RunSchedule state(ScheduleDescription schedule) {
        List<String> runs = schedule.getInfo().getRecentActions().stream()
                .map(result -> result.getAction())
                .filter(ScheduleActionExecutionStartWorkflow.class::isInstance)
                .map(run -> ((ScheduleActionExecutionStartWorkflow) run).getWorkflowId())
                .toList();
        return new RunSchedule(
                schedule.getId(),
                Optional.ofNullable(schedule.getSchedule().getState())
                        .filter(state -> state.isPaused())
                        .isPresent(),
                schedule.getInfo().getNextActionTimes().stream().findFirst(),
                schedule.getInfo().getNumActions(),
                schedule.getInfo().getNumActionsSkippedOverlap(),
                runs);
    }

    private static RuntimeException invalid(ScheduleException e, Status.Code code, Function<Status, String> message) {
        return status(e)
                .filter(status -> status.getCode() == code)
                .<RuntimeException>map(status -> new InvalidInputException(message.apply(status), e))
                .orElse(e);
    }

    private static Optional<Status> status(ScheduleException e) {
        return e.getCause() instanceof StatusRuntimeException refusal
                ? Optional.of(refusal.getStatus())
                : Optional.empty();
    }
}
