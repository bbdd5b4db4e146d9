package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.CommandSpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A program that answers JSON lines, one at a time. Not for several threads. */
final class RewardProcess {
    private static final Logger log = LoggerFactory.getLogger(RewardProcess.class);
    private static final int SECONDS_TO_END = 1;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .build();

    private final Process process;
    private final BufferedWriter requests;
    private final BufferedReader answers;
    private final Thread errors;
    private volatile String lastError = "";
    private volatile boolean closing;
    private long asked;

    private RewardProcess(String program, Process process) {
        this.process = process;
        errors = new Thread(() -> logErrors(program), "reward-stderr");
        errors.setDaemon(true);
        requests = process.outputWriter(StandardCharsets.UTF_8);
        answers = process.inputReader(StandardCharsets.UTF_8);
    }

    /** Starts the program. */
    static RewardProcess start(CommandSpec spec) {
        try {
            RewardProcess started = new RewardProcess(
                    spec.run().get(0),
                    new ProcessBuilder(spec.run())
                            .directory(new File(spec.directory()))
                            .start());
            started.errors.start();
            return started;
        } catch (IOException e) {
            throw new RewardException(String.valueOf(e.getMessage()), e);
        }
    }

    private void logErrors(String program) {
        try {
            process.errorReader(StandardCharsets.UTF_8).lines().forEach(line -> {
                lastError = line;
                log.info("{}: {}", program, line);
            });
        } catch (UncheckedIOException e) {
            log.debug("a program was ended while it wrote", e);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** The score of a sample; blocks until the program answers or ends. None once it is being closed. */
    Optional<Scored> ask(Sample sample) {
        long id = ++asked;
        ObjectNode request = Samples.json(sample).put("id", id);
        try {
            requests.write(request.toString());
            requests.write('\n');
            requests.flush();
            String line = answers.readLine();
            if (line != null) {
                return Optional.of(score(id, line));
            }
        } catch (IOException e) {
            log.debug("a pipe to the program broke", e);
        }
        if (closing) {
            return Optional.empty(); // nobody waits any more for a program that was too slow
        }
        throw ended();
    }

    private static Scored score(long id, String line) {
        JsonNode answer;
        try {
            answer = JSON.readTree(line);
        } catch (JsonProcessingException e) {
            throw new RewardException("expected a line of JSON from the program, found " + Samples.cut(line), e);
        }
        // A line too many would give every later sample the score of the one before it.
        if (!answer.path("id").isIntegralNumber() || answer.path("id").longValue() != id) {
            throw new RewardException(
                    "expected an answer of the program with \"id\": " + id + ", found " + Samples.cut(line));
        }
        return answer.has("error")
                ? Scored.failed(Samples.cut(answer.path("error").asText()))
                : Samples.scored(answer.path("score"));
    }

    private RewardException ended() {
        String how = "";
        try {
            if (process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS)) {
                how = " with exit code " + process.exitValue();
                errors.join(TimeUnit.SECONDS.toMillis(SECONDS_TO_END)); // its last words may not have been read yet
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        String said = lastError;
        return new RewardException("the program ended" + how + (said.isEmpty() ? "" : ": " + Samples.cut(said)));
    }

    /** Ends the program and whatever it started. */
    void close() {
        closing = true;
        List<ProcessHandle> started = process.descendants().toList();
        process.destroy();
        started.forEach(ProcessHandle::destroy);
        try {
            process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
        started.forEach(ProcessHandle::destroyForcibly);
    }
}
