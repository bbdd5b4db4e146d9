package org.openstrawberry.worker.mlflow;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** MLflow's REST interface, as far as it is needed here: https://mlflow.org/docs/latest/rest-api.html. */
final class MlflowServer {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int OK = 200;
    private static final int LONGEST_ANSWER = 300;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final MlflowAddress address;
    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(PATIENCE)
            .build();

    MlflowServer(MlflowAddress address) {
        this.address = address;
    }

    /** How a run stands, by MLflow's own words. */
    enum Status {
        RUNNING,
        FINISHED,
        FAILED
    }

    /** A request that did not succeed. */
    static final class FailedRequest extends IOException {
        private final String code;

        FailedRequest(String message, String code) {
            super(message);
            this.code = code;
        }

        private boolean is(String other) {
            return code.equals(other);
        }
    }

    /** A run as the server knows it. */
    record Known(String id, String status, Map<String, String> tags, Map<String, String> params) {
        static Known of(JsonNode run) {
            return new Known(
                    run.at("/info/run_id").asText(),
                    run.at("/info/status").asText(),
                    values(run.at("/data/tags")),
                    values(run.at("/data/params")));
        }

        private static Map<String, String> values(JsonNode list) {
            Map<String, String> values = new HashMap<>();
            list.forEach(entry ->
                    values.put(entry.path("key").asText(), entry.path("value").asText()));
            return values;
        }
    }

    /** A measured value. */
    record Metric(String key, double value, long timestamp, int step) {}

    /** The id of the experiment, which is made where there is none. */
    String experiment() throws IOException, InterruptedException {
        String name = address.experiment();
        try {
            return get("experiments/get-by-name?experiment_name=" + encoded(name))
                    .at("/experiment/experiment_id")
                    .asText();
        } catch (FailedRequest e) {
            if (!e.is("RESOURCE_DOES_NOT_EXIST")) {
                throw e;
            }
        }
        return post("experiments/create", object().put("name", name))
                .path("experiment_id")
                .asText();
    }

    /** The oldest run of an experiment that has the tag. */
    Optional<Known> find(String experiment, String tag, String value) throws IOException, InterruptedException {
        ObjectNode request = object();
        request.putArray("experiment_ids").add(experiment);
        request.put("filter", "tags.`" + tag + "` = '" + value + "'").put("max_results", 1);
        request.putArray("order_by").add("attributes.start_time ASC");
        JsonNode found = post("runs/search", request).at("/runs/0");
        return found.isMissingNode() ? Optional.empty() : Optional.of(Known.of(found));
    }

    /** Makes a run. */
    Known create(String experiment, String name, long start, Map<String, String> tags)
            throws IOException, InterruptedException {
        ObjectNode request =
                object().put("experiment_id", experiment).put("run_name", name).put("start_time", start);
        request.set("tags", pairs(tags));
        return Known.of(post("runs/create", request).path("run"));
    }

    Known run(String id) throws IOException, InterruptedException {
        return Known.of(get("runs/get?run_id=" + encoded(id)).path("run"));
    }

    /** At most 1,000 metrics, 100 parameters and 100 tags. */
    void log(String id, List<Metric> metrics, Map<String, String> params, Map<String, String> tags)
            throws IOException, InterruptedException {
        ObjectNode request = object().put("run_id", id);
        ArrayNode list = request.putArray("metrics");
        metrics.forEach(metric -> list.addObject()
                .put("key", metric.key())
                .put("value", metric.value())
                .put("timestamp", metric.timestamp())
                .put("step", metric.step()));
        request.set("params", pairs(params));
        request.set("tags", pairs(tags));
        post("runs/log-batch", request);
    }

    /** @param end in milliseconds; empty where the run goes on */
    void update(String id, Status status, Optional<Long> end) throws IOException, InterruptedException {
        ObjectNode request = object().put("run_id", id).put("status", status.name());
        end.ifPresent(then -> request.put("end_time", then));
        post("runs/update", request);
    }

    private static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    private static ArrayNode pairs(Map<String, String> values) {
        ArrayNode list = JsonNodeFactory.instance.arrayNode();
        values.forEach((key, value) -> list.addObject().put("key", key).put("value", value));
        return list;
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private JsonNode get(String path) throws IOException, InterruptedException {
        return answer(request(path).GET());
    }

    private JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
        return answer(request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body.toString(), StandardCharsets.UTF_8)));
    }

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(address.server() + "/api/2.0/mlflow/" + path))
                .timeout(PATIENCE);
        address.authorization().ifPresent(value -> request.header("Authorization", value));
        return request;
    }

    private JsonNode answer(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpResponse<String> response = client.send(request.build(), BodyHandlers.ofString(StandardCharsets.UTF_8));
        JsonNode body = body(response.body());
        if (response.statusCode() != OK) {
            String said = body.path("message").asText(response.body());
            throw new FailedRequest(
                    "HTTP " + response.statusCode() + ", " + said.substring(0, Math.min(said.length(), LONGEST_ANSWER)),
                    body.path("error_code").asText());
        }
        return body;
    }

    private static JsonNode body(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            return JsonNodeFactory.instance.missingNode();
        }
    }
}
