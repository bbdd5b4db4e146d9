package org.openstrawberry.worker.mlflow;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** As much of an MLflow server as is asked here, strict about the shape of what it is asked. */
public final class FakeMlflow implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String API = "/api/2.0/mlflow/";

    private final HttpServer server;
    private final Map<String, String> experiments = new ConcurrentHashMap<>();
    private final Map<String, Run> runs = new ConcurrentHashMap<>();
    private final Set<String> authorizations = ConcurrentHashMap.newKeySet();
    private final List<String> refused = new ArrayList<>();
    private final List<Integer> batches = new ArrayList<>();
    private final Set<String> unwelcome = ConcurrentHashMap.newKeySet();

    /** A run as it is kept. */
    public static final class Run {
        private final String id;
        private final String experiment;
        private final String name;
        private String status = "RUNNING";
        private long end;
        private final Map<String, String> params = new TreeMap<>();
        private final Map<String, String> tags = new TreeMap<>();
        private final List<JsonNode> metrics = new ArrayList<>();

        Run(String id, String experiment, String name) {
            this.id = id;
            this.experiment = experiment;
            this.name = name;
        }

        public String experiment() {
            return experiment;
        }

        public String name() {
            return name;
        }

        public synchronized String status() {
            return status;
        }

        public synchronized long end() {
            return end;
        }

        public synchronized Map<String, String> params() {
            return new TreeMap<>(params);
        }

        public synchronized Map<String, String> tags() {
            return new TreeMap<>(tags);
        }

        public synchronized List<JsonNode> metrics() {
            return List.copyOf(metrics);
        }

        private synchronized ObjectNode json() {
            ObjectNode run = JSON.createObjectNode();
            run.putObject("info").put("run_id", id).put("status", status);
            ObjectNode data = run.putObject("data");
            params.forEach((key, value) ->
                    data.withArrayProperty("params").addObject().put("key", key).put("value", value));
            tags.forEach((key, value) ->
                    data.withArrayProperty("tags").addObject().put("key", key).put("value", value));
            return run;
        }
    }

    public FakeMlflow() throws IOException {
        this(0);
    }

    public FakeMlflow(int port) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext(API, this::handle);
        server.start();
    }

    public String url() {
        return "http://127.0.0.1:" + port();
    }

    public int port() {
        return server.getAddress().getPort();
    }

    /** By their ids. */
    public Map<String, Run> runs() {
        return runs;
    }

    /** Names of experiments by id. */
    public Map<String, String> experiments() {
        return experiments;
    }

    public Set<String> authorizations() {
        return new HashSet<>(authorizations);
    }

    /** What was asked in a shape that MLflow would refuse. */
    public synchronized List<String> refused() {
        return List.copyOf(refused);
    }

    /** How many metrics each request held that logged any. */
    public synchronized List<Integer> batches() {
        return List.copyOf(batches);
    }

    /** Makes no run of this name. */
    public void refuse(String name) {
        unwelcome.add(name);
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange;
                InputStream in = exchange.getRequestBody()) {
            String authorization = exchange.getRequestHeaders().getFirst("Authorization");
            authorizations.add(authorization == null ? "" : authorization);
            String path = exchange.getRequestURI().getPath().substring(API.length());
            JsonNode request = JSON.readTree(in);
            ObjectNode answer = JSON.createObjectNode();
            int code = 200;
            try {
                answer = answer(path, exchange.getRequestURI().getQuery(), request);
            } catch (IllegalArgumentException e) {
                code = String.valueOf(e.getMessage()).startsWith("RESOURCE") ? 404 : 400;
                answer.put("error_code", e.getMessage()).put("message", "refused: " + e.getMessage());
            }
            byte[] body = answer.toString().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(code, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private synchronized ObjectNode answer(String path, String query, JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        switch (path) {
            case "experiments/get-by-name" -> {
                String name = query.replaceFirst("experiment_name=", "");
                String id = experiments.entrySet().stream()
                        .filter(known -> known.getValue().equals(name))
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElseThrow(() -> new IllegalArgumentException("RESOURCE_DOES_NOT_EXIST"));
                answer.putObject("experiment").put("experiment_id", id).put("name", name);
            }
            case "experiments/create" -> {
                String id = Integer.toString(experiments.size() + 1);
                experiments.put(id, text(request, "name"));
                answer.put("experiment_id", id);
            }
            case "runs/search" -> {
                String[] filter = text(request, "filter").split("'");
                String tag = filter[0].replaceFirst("tags\\.`(.*)` = ", "$1");
                runs.values().stream()
                        .filter(run -> run.experiment()
                                .equals(request.at("/experiment_ids/0").asText()))
                        .filter(run -> filter[1].equals(run.tags().get(tag)))
                        .forEach(run -> answer.withArrayProperty("runs").add(run.json()));
            }
            case "runs/create" -> {
                require(request.path("start_time").isIntegralNumber(), "start_time");
                require(experiments.containsKey(text(request, "experiment_id")), "experiment_id");
                if (unwelcome.contains(text(request, "run_name"))) {
                    throw new IllegalArgumentException("PERMISSION_DENIED");
                }
                Run run = new Run("run" + (runs.size() + 1), text(request, "experiment_id"), text(request, "run_name"));
                request.path("tags").forEach(tag -> run.tags.put(text(tag, "key"), text(tag, "value")));
                runs.put(run.id, run);
                answer.set("run", run.json());
            }
            case "runs/get" ->
                answer.set("run", run(query.replaceFirst("run_id=", "")).json());
            case "runs/update" -> {
                Run run = run(text(request, "run_id"));
                run.status = text(request, "status");
                run.end = request.path("end_time").asLong();
            }
            case "runs/log-batch" -> log(run(text(request, "run_id")), request);
            default -> throw new IllegalArgumentException("ENDPOINT_NOT_FOUND");
        }
        return answer;
    }

    private void log(Run run, JsonNode request) {
        require(request.path("metrics").size() <= 1000, "metrics: too many");
        require(request.path("params").size() <= 100, "params: too many");
        require(request.path("tags").size() <= 100, "tags: too many");
        if (!request.path("metrics").isEmpty()) {
            batches.add(request.path("metrics").size());
        }
        synchronized (run) {
            for (JsonNode param : request.path("params")) {
                String known = run.params.putIfAbsent(text(param, "key"), text(param, "value"));
                require(known == null || known.equals(text(param, "value")), "a parameter never changes");
                require(text(param, "value").length() <= 500, "params: too long");
            }
            for (JsonNode metric : request.path("metrics")) {
                require(text(metric, "key").matches("[\\w.\\- /]+"), "metrics: name");
                require(
                        metric.path("value").isNumber() || text(metric, "value").matches("NaN|-?Infinity"),
                        "metrics: value");
                require(metric.path("timestamp").isIntegralNumber(), "metrics: timestamp");
                require(metric.path("step").isIntegralNumber(), "metrics: step");
                run.metrics.add(metric);
            }
            for (JsonNode tag : request.path("tags")) {
                require(text(tag, "value").length() <= 5_000, "tags: too long");
                run.tags.put(text(tag, "key"), text(tag, "value"));
            }
        }
    }

    private Run run(String id) {
        Run run = runs.get(id);
        require(run != null, "RESOURCE_DOES_NOT_EXIST");
        return java.util.Objects.requireNonNull(run);
    }

    private String text(JsonNode node, String key) {
        require(node.path(key).isTextual(), key + " is no text");
        return node.path(key).textValue();
    }

    private void require(boolean condition, String what) {
        if (!condition) {
            refused.add(what);
            throw new IllegalArgumentException(what);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
