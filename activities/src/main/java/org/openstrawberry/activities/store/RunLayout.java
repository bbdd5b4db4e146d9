package org.openstrawberry.activities.store;

import java.util.Locale;

/** The names of a run directory's files, relative to it. */
public final class RunLayout {
    /** The resolved run file. */
    public static final String RUN_FILE = "run.yaml";
    /** Its SHA-256, as {@code sha256sum} writes it. */
    public static final String RUN_FILE_HASH = "run.yaml.sha256";
    /** Hashes of the files that the run was started with. */
    public static final String INPUTS = "inputs.json";
    /** How many rows of the data are used, and why others are not. */
    public static final String DATA = "data.json";
    /** Settings that were changed since the start. */
    public static final String CHANGES = "changes.jsonl";
    /** One row an iteration. */
    public static final String METRICS = "metrics.jsonl";
    /** The same for TensorBoard. */
    public static final String TENSORBOARD = "tensorboard";
    /** How the run ended. */
    public static final String RESULT = "result.json";
    /** What happened to the run: restarts and failed attempts. */
    public static final String EVENTS = "events.jsonl";
    /** The report, one page. */
    public static final String REPORT = "report.html";
    /** The policy that came out, a Hugging Face directory. */
    public static final String POLICY = "policy";
    /** The processes' log. */
    public static final String LOG = "log";
    /** Says which server a run is on, so that no other one works on its directory. */
    public static final String SERVER = "server.txt";
    /** What its run in MLflow is found by. */
    public static final String MLFLOW = "mlflow.json";
    /** Where a forked run comes from. */
    public static final String FORK = "fork.json";
    /** Held by the process that works on the run. */
    public static final String LOCK = ".lock";
    /** States of the policy. */
    public static final String CHECKPOINTS = "checkpoints";
    /** One folder an iteration. */
    public static final String ITERATIONS = "iterations";

    private RunLayout() {}

    public static String iteration(int iteration) {
        return numbered(ITERATIONS + "/%06d", iteration);
    }

    /** State and metrics after the iteration: present once all its steps are done. */
    public static String iterationRecord(int iteration) {
        return iteration(iteration) + "/iteration.json";
    }

    /** Settings that changed at the beginning of the iteration. */
    public static String adjusted(int iteration) {
        return iteration(iteration) + "/adjusted.json";
    }

    public static String prompts(int iteration) {
        return iteration(iteration) + "/prompts.jsonl";
    }

    public static String thoughts(int iteration, int shard) {
        return iteration(iteration) + numbered("/thoughts-%02d.jsonl", shard);
    }

    public static String scores(int iteration, int shard) {
        return iteration(iteration) + numbered("/scores-%02d.jsonl", shard);
    }

    /** The trees of a shard's prompts. */
    public static String tree(int iteration, int shard) {
        return iteration(iteration) + numbered("/tree-%02d.jsonl", shard);
    }

    /** The thoughts that a shard's trees grew by in a wave. */
    public static String wave(int iteration, int shard, int wave) {
        return iteration(iteration) + numbered("/wave-%02d", shard) + numbered("-%04d.jsonl", wave);
    }

    /** What these came to. */
    public static String waveScores(int iteration, int shard, int wave) {
        return iteration(iteration) + numbered("/wave-%02d", shard) + numbered("-%04d-scores.jsonl", wave);
    }

    public static String pairs(int iteration) {
        return iteration(iteration) + "/pairs.jsonl";
    }

    public static String step(int iteration) {
        return iteration(iteration) + "/step.json";
    }

    public static String reference(int iteration) {
        return iteration(iteration) + "/reference.json";
    }

    public static String evaluation(int iteration) {
        return iteration(iteration) + "/evaluation.jsonl";
    }

    /** The state after an iteration. */
    public static String checkpoint(int iteration) {
        return numbered(CHECKPOINTS + "/%06d", iteration);
    }

    /** The state after so many steps of the warm-up. */
    public static String warmUpCheckpoint(int step) {
        return numbered(CHECKPOINTS + "/warmup-%06d", step);
    }

    private static String numbered(String format, int number) {
        return String.format(Locale.ROOT, format, number);
    }
}
