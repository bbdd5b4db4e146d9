package org.openstrawberry.worker.mlflow;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.worker.mlflow.MlflowServer.Known;
import org.openstrawberry.worker.mlflow.MlflowServer.Metric;
import org.openstrawberry.worker.mlflow.MlflowServer.Status;
import org.openstrawberry.worker.report.Report;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run directory and its run in MLflow. {@code metrics.jsonl} is what is true; the server is brought to where it is. How
 * far that has come stands in a tag there, so whoever goes on, and whenever, begins behind it.
 */
final class MlflowRun {
    /** Ties the run to the directory, by what {@link RunLayout#MLFLOW} holds there. */
    static final String IDENTITY = "strawberry.identity";
    /** The last iteration that is logged. */
    static final String LOGGED = "strawberry.logged";

    private static final Logger log = LoggerFactory.getLogger(MlflowRun.class);
    private static final String NOTE = "mlflow.note.content";
    /** Of one request, as for parameters: https://mlflow.org/docs/latest/rest-api.html#request-limits. */
    private static final int METRICS = 1_000;
    /** Many rows, of some kilobytes each. */
    private static final int READ_BYTES = 1 << 20;

    private static final int PARAMS = 100;
    private static final int LONGEST_PARAM = 500;
    private static final int LONGEST_TAG = 5_000;

    private final String id;
    private final Path directory;
    private Optional<String> known = Optional.empty();
    private Position position = Position.START;

    /**
     * How far the file of metrics is read.
     *
     * @param file tells it from one that took its place
     */
    private record Position(Object file, long bytes) {
        static final Position START = new Position("", 0);
    }

    /** @param id the run's id, which names it in MLflow */
    MlflowRun(String id, Path directory) {
        this.id = id;
        this.directory = directory;
    }

    /**
     * Brings the server to where the directory is.
     *
     * @param failed whether the run's workflow has failed
     */
    void sync(MlflowServer server, boolean failed) throws IOException, InterruptedException {
        Known run = run(server);
        int logged = Integer.parseInt(run.tags().getOrDefault(LOGGED, "-2"));
        if (logged < -1) {
            settings(server, run);
            logged = -1;
            position = Position.START;
        }
        boolean news = rows(server, run, logged);
        boolean finished = Files.exists(directory.resolve(RunLayout.RESULT));
        Status status = finished ? Status.FINISHED : failed ? Status.FAILED : Status.RUNNING;
        if (finished && (news || !run.tags().containsKey("strawberry.reason"))) {
            server.log(run.id(), List.of(), Map.of(), result());
        }
        if (!run.status().equals(status.name())) {
            server.update(run.id(), status, status == Status.RUNNING ? Optional.empty() : Optional.of(now()));
        }
    }

    private static long now() {
        return Instant.now().toEpochMilli();
    }

    private Known run(MlflowServer server) throws IOException, InterruptedException {
        if (known.isPresent()) {
            return server.run(known.get());
        }
        String identity = identity();
        String experiment = server.experiment();
        Optional<Known> found = server.find(experiment, IDENTITY, identity);
        if (found.isEmpty()) {
            Known made = server.create(experiment, id, now(), tags(identity));
            // Of two processes that make one at the same time, both go on with the older.
            found = server.find(experiment, IDENTITY, identity).or(() -> Optional.of(made));
            log.info("{} is run {} in MLflow", id, found.get().id());
        }
        known = Optional.of(found.get().id());
        return found.get();
    }

    /** The content of {@link RunLayout#MLFLOW}. */
    record Identity(String identity) {}

    /** The first process that logs the run chooses it. */
    private String identity() {
        new ArtifactStore(directory)
                .once(
                        RunLayout.MLFLOW,
                        Json.object(new Identity(UUID.randomUUID().toString())));
        return Json.read(directory.resolve(RunLayout.MLFLOW), Identity.class).identity();
    }

    private Map<String, String> tags(String identity) throws IOException {
        Map<String, String> tags = new LinkedHashMap<>();
        tags.put(IDENTITY, identity);
        tags.put("strawberry.run", id);
        tags.put("strawberry.directory", directory.toString());
        Path hash = directory.resolve(RunLayout.RUN_FILE_HASH);
        if (Files.exists(hash)) {
            tags.put("strawberry.run_sha256", Files.readString(hash).split("\\s", 2)[0]);
        }
        Path inputs = directory.resolve(RunLayout.INPUTS);
        if (Files.exists(inputs)) {
            tags.put("strawberry.inputs", cut(Files.readString(inputs), LONGEST_TAG));
        }
        tags.put("mlflow.source.name", "strawberry");
        tags.put("mlflow.source.type", "LOCAL");
        tags.put("mlflow.user", System.getProperty("user.name", ""));
        return tags;
    }

    /** All settings as parameters, by their dotted keys. A second time changes nothing. */
    private void settings(MlflowServer server, Known run) throws IOException, InterruptedException {
        JsonNode settings =
                new YAMLMapper().readTree(directory.resolve(RunLayout.RUN_FILE).toFile());
        Map<String, String> params = new TreeMap<>();
        flatten("", settings, params);
        params.keySet().removeAll(run.params().keySet());
        List<Map.Entry<String, String>> all = new ArrayList<>(params.entrySet());
        for (int from = 0; from < all.size(); from += PARAMS) {
            Map<String, String> part = new LinkedHashMap<>();
            all.subList(from, Math.min(all.size(), from + PARAMS))
                    .forEach(param -> part.put(param.getKey(), cut(param.getValue(), LONGEST_PARAM)));
            server.log(run.id(), List.of(), part, Map.of());
        }
        server.log(run.id(), List.of(), Map.of(), Map.of(LOGGED, "-1"));
    }

    private static void flatten(String key, JsonNode value, Map<String, String> params) {
        if (value.isObject() && !value.isEmpty()) {
            value.fields()
                    .forEachRemaining(field -> flatten(
                            key.isEmpty() ? field.getKey() : key + "." + field.getKey(), field.getValue(), params));
        } else {
            // Names in MLflow are made of fewer characters than keys of a sum's parts may be.
            params.put(key.replaceAll("[^\\w.\\- /]", "_"), value.isTextual() ? value.textValue() : value.toString());
        }
    }

    private static String cut(String text, int most) {
        return text.length() <= most ? text : text.substring(0, most - 1) + "…";
    }

    /** Sends the rows behind the last logged one, as many at a time as a request holds, each time with how far that is. */
    private boolean rows(MlflowServer server, Known run, int logged) throws IOException, InterruptedException {
        boolean news = false;
        for (Optional<Part> part = next(); part.isPresent(); part = next()) {
            List<Metric> batch = new ArrayList<>();
            int last = logged;
            for (JsonNode row : part.get().rows()) {
                int iteration = row.path("iteration").asInt();
                if (iteration <= logged) {
                    continue;
                }
                List<Metric> metrics = metrics(row);
                if (!batch.isEmpty() && batch.size() + metrics.size() > METRICS) {
                    send(server, run, batch, last);
                    batch.clear();
                }
                batch.addAll(metrics);
                last = iteration;
                news = true;
            }
            if (last > logged) {
                send(server, run, batch, last);
            }
            position = part.get().end();
        }
        return news;
    }

    /** A row that is too wide for a request takes several; it counts as logged with the last of them. */
    private static void send(MlflowServer server, Known run, List<Metric> metrics, int last)
            throws IOException, InterruptedException {
        int from = 0;
        for (; metrics.size() - from > METRICS; from += METRICS) {
            server.log(run.id(), metrics.subList(from, from + METRICS), Map.of(), Map.of());
        }
        server.log(run.id(), metrics.subList(from, metrics.size()), Map.of(), Map.of(LOGGED, Integer.toString(last)));
    }

    /** As of when the iteration was recorded, so that what is sent twice is the same. */
    private List<Metric> metrics(JsonNode row) throws IOException {
        int iteration = row.path("iteration").asInt();
        Path record = directory.resolve(RunLayout.iterationRecord(iteration));
        long time = Files.exists(record) ? Files.getLastModifiedTime(record).toMillis() : now();
        List<Metric> metrics = new ArrayList<>();
        row.fields().forEachRemaining(field -> {
            // What is not finite stands there as text.
            double value = field.getValue().isNumber()
                    ? field.getValue().doubleValue()
                    : Double.parseDouble(field.getValue().asText("NaN"));
            if (!field.getKey().equals("iteration")) {
                metrics.add(new Metric(field.getKey(), value, time, iteration));
            }
        });
        return metrics;
    }

    /** Whole rows of the file, and where they end. */
    private record Part(List<JsonNode> rows, Position end) {}

    /** The next rows behind those that were read, as many as fit; from the start where the file was written anew. */
    private Optional<Part> next() throws IOException {
        Path file = directory.resolve(RunLayout.METRICS);
        try (FileChannel channel = FileChannel.open(file)) {
            Object key = Optional.ofNullable(Files.readAttributes(file, BasicFileAttributes.class)
                            .fileKey())
                    .orElse(file);
            boolean same = key.equals(position.file()) && channel.size() >= position.bytes();
            long from = same ? position.bytes() : 0;
            byte[] bytes = Channels.newInputStream(channel.position(from)).readNBytes(READ_BYTES);
            List<JsonNode> rows = new ArrayList<>();
            int end = 0;
            for (int i = 0; i < bytes.length; i++) {
                if (bytes[i] == '\n') {
                    rows.add(Json.parse(new String(bytes, end, i - end, StandardCharsets.UTF_8), JsonNode.class));
                    end = i + 1;
                }
            }
            return rows.isEmpty() ? Optional.empty() : Optional.of(new Part(rows, new Position(key, from + end)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** How the run ended, with its model card as the run's description. */
    private Map<String, String> result() {
        JsonNode result = Json.read(directory.resolve(RunLayout.RESULT), JsonNode.class);
        Map<String, String> tags = new LinkedHashMap<>();
        tags.put("strawberry.reason", result.path("reason").asText());
        tags.put("strawberry.policy_sha256", result.path("policySha256").asText());
        try {
            // Without what Hugging Face reads before it.
            tags.put(NOTE, cut(Report.card(directory).replaceFirst("(?s)\\A---\n.*?\n---\n", ""), LONGEST_TAG));
        } catch (RuntimeException e) {
            log.warn("{}: MLflow gets no model card", directory, e);
        }
        return tags;
    }
}
