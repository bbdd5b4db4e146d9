package org.openstrawberry.worker;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.temporal.api.common.v1.Payloads;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.client.WorkflowClient;
import io.temporal.common.converter.DataConverter;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.Thoughts;

/** When the tasks of a run were scheduled, taken up and completed, as the server's history has it. */
final class StepTimes {
    private static final String WORKFLOW_TASK = "workflow task";

    private final DataConverter converter;
    private final int after;
    private final Map<Long, HistoryEvent> scheduled = new HashMap<>();
    private final Map<Long, HistoryEvent> started = new HashMap<>();
    private final Map<String, Task> tasks = new TreeMap<>();
    /** Of the model, by iteration, phase and process: processes work side by side. */
    private final Map<Integer, Map<String, Map<String, Double>>> model = new HashMap<>();

    private boolean counted;

    private StepTimes(DataConverter converter, int after) {
        this.converter = converter;
        this.after = after;
    }

    /**
     * All tasks of one kind together.
     *
     * @param waited seconds until they were taken up
     * @param worked seconds from there to the end
     * @param model of those, seconds in the model
     */
    record Task(int count, double waited, double worked, double model) {
        Task plus(Task other) {
            return new Task(count + other.count, waited + other.waited, worked + other.worked, model + other.model);
        }
    }

    /** @param after tasks of iterations up to this one don't count */
    static StepTimes read(WorkflowClient client, String id, int after) {
        StepTimes times = new StepTimes(client.getOptions().getDataConverter(), after);
        client.fetchHistory(id).getEvents().forEach(times::add);
        return times;
    }

    Map<String, Task> tasks() {
        return tasks;
    }

    /** Seconds that an iteration's phase was in the model: of the process that was so for the longest. */
    double model(int iteration, String phase) {
        return model.getOrDefault(iteration, Map.of()).getOrDefault(phase, Map.of()).values().stream()
                .mapToDouble(Double::doubleValue)
                .max()
                .orElse(0);
    }

    private void add(HistoryEvent event) {
        switch (event.getEventType()) {
            case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED ->
                scheduled.put(event.getEventId(), event);
            case EVENT_TYPE_ACTIVITY_TASK_STARTED, EVENT_TYPE_WORKFLOW_TASK_STARTED ->
                started.put(event.getEventId(), event);
            case EVENT_TYPE_WORKFLOW_TASK_COMPLETED -> {
                var done = event.getWorkflowTaskCompletedEventAttributes();
                count(WORKFLOW_TASK, done.getScheduledEventId(), done.getStartedEventId(), event.getEventTime(), 0);
            }
            case EVENT_TYPE_ACTIVITY_TASK_COMPLETED -> {
                var done = event.getActivityTaskCompletedEventAttributes();
                String type = event(scheduled, done.getScheduledEventId())
                        .getActivityTaskScheduledEventAttributes()
                        .getActivityType()
                        .getName();
                double seconds = model(type, done.getResult(), done.getIdentity());
                count(type, done.getScheduledEventId(), done.getStartedEventId(), event.getEventTime(), seconds);
            }
            default -> {}
        }
    }

    private double model(String type, Payloads result, String process) {
        return switch (type) {
            case "Generate" -> {
                Thoughts thoughts = value(result, Thoughts.class);
                yield model(thoughts.iteration(), "generate", process, thoughts.modelSeconds());
            }
            case "DpoStep" -> {
                Step step = value(result, Step.class);
                yield model(step.iteration(), "step", process, step.modelSeconds());
            }
            case "Evaluate" -> {
                Evaluation evaluation = value(result, Evaluation.class);
                yield model(evaluation.iteration(), "evaluate", process, evaluation.modelSeconds());
            }
            default -> 0;
        };
    }

    private double model(int iteration, String phase, String process, double seconds) {
        counted = iteration > after;
        model.computeIfAbsent(iteration, any -> new HashMap<>())
                .computeIfAbsent(phase, any -> new HashMap<>())
                .merge(process, seconds, Double::sum);
        return seconds;
    }

    private <T> T value(Payloads result, Class<T> type) {
        return converter.fromPayloads(0, Optional.of(result), type, type);
    }

    private void count(String name, long scheduledId, long startedId, Timestamp end, double seconds) {
        HistoryEvent wait = scheduled.get(scheduledId);
        HistoryEvent start = started.get(startedId);
        if (counted && wait != null && start != null) { // the server in the process leaves some out
            double waited = seconds(wait.getEventTime(), start.getEventTime());
            tasks.merge(name, new Task(1, waited, seconds(start.getEventTime(), end), seconds), Task::plus);
        }
    }

    private static double seconds(Timestamp from, Timestamp to) {
        return (Timestamps.toNanos(to) - Timestamps.toNanos(from)) / 1e9;
    }

    private static HistoryEvent event(Map<Long, HistoryEvent> events, long id) {
        return Optional.ofNullable(events.get(id))
                .orElseThrow(() -> new IllegalStateException("the history has no event " + id));
    }
}
