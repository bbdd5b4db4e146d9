package org.openstrawberry.workflows;

import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInit;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.workflows.Progress.State;
import org.openstrawberry.workflows.steps.RewardTrainingActivities.Exported;
import org.openstrawberry.workflows.steps.RewardTrainingActivities.Standing;
import org.openstrawberry.workflows.steps.RunRef;

/**
 * Training by preferences, from checkpoint to checkpoint, as a durable workflow. The run directory is its memory: steps
 * that a checkpoint holds are not taken again, whoever asks.
 */
public final class RewardModelTraining implements RewardTrainingWorkflow {
    private final RunRef run;
    private final TrainerHost trainer;
    private Standing standing = new Standing(0, 0, Map.of());
    private String phase = "begin";
    private State state = State.RUNNING;

    /** @param runDirectory the same that {@link #train} gets */
    @WorkflowInit
    public RewardModelTraining(String runDirectory) {
        run = new RunRef(Workflow.getInfo().getWorkflowId(), runDirectory);
        trainer = new TrainerHost(run, Optional.empty());
    }

    @Override
    public Exported train(String same) {
        standing = trainer.train("begin", steps -> steps.begin(run));
        phase = "train";
        while (standing.step() < standing.steps()) {
            waitWhilePaused();
            if (state == State.STOPPING) {
                break;
            }
            if (Workflow.getInfo().isContinueAsNewSuggested()) {
                Workflow.continueAsNew(run.directory());
            }
            int step = standing.step();
            standing = trainer.train("steps after " + step, steps -> steps.advance(run, step));
        }
        phase = "export";
        int step = standing.step();
        Exported exported = trainer.train("export", steps -> steps.export(run, step));
        state = State.DONE;
        return exported;
    }

    private void waitWhilePaused() {
        if (state == State.PAUSING) {
            state = State.PAUSED;
            Workflow.await(() -> state != State.PAUSED);
        }
    }

    @Override
    public void pause() {
        if (state == State.RUNNING) {
            state = State.PAUSING;
        }
    }

    @Override
    public void resume() {
        if (state == State.PAUSING || state == State.PAUSED) {
            state = State.RUNNING;
        }
    }

    @Override
    public void stop() {
        if (state != State.DONE) {
            state = State.STOPPING;
        }
    }

    @Override
    public Progress progress() {
        return new Progress(
                state,
                phase,
                0,
                0,
                standing.step(),
                standing.steps(),
                Optional.of(new IterationMetrics(standing.step(), standing.metrics())),
                Optional.ofNullable(standing.metrics().get("eval_accuracy")),
                Optional.empty(),
                Optional.empty());
    }
}
