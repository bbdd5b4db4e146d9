package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.openstrawberry.config.InvalidInputException;
import reactor.core.publisher.Mono;

/** A service that JSON is posted to and that answers with JSON. */
final class Endpoint implements AutoCloseable {
    private static final Duration CONNECTING = Duration.ofSeconds(10);
    private static final int OK = 200;
    private static final int NOT_OK = 300;
    private static final int REQUEST_TIMEOUT = 408;
    private static final int TOO_EARLY = 425;
    private static final int TOO_MANY_REQUESTS = 429;
    private static final int SERVER_ERROR = 500;

    /** Python's json writes NaN so; that is an error of its sample then, not of the whole answer. */
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .build();

    private final ExecutorService executor;
    private final HttpClient client;
    private final HttpRequest.Builder request;
    private final String name;
    private final String address;
    private final Secrets secrets;

    /**
     * @param key of the settings, for errors and traces
     * @param headers may refer to the environment
     * @throws InvalidInputException if the environment lacks a variable, or a header can't be sent
     */
    Endpoint(String key, String url, Map<String, String> headers, Secrets secrets) {
        this.secrets = secrets;
        name = key;
        address = url.replaceFirst("[?#].*", "");
        request = HttpRequest.newBuilder(URI.create(url))
                .setHeader("Content-Type", "application/json")
                .setHeader("Accept", "application/json");
        headers.forEach((name, value) -> {
            String header = key + ".headers." + name;
            String resolved = secrets.resolved(header, value);
            try {
                request.setHeader(name, resolved);
            } catch (IllegalArgumentException e) {
                // Neither its message nor the value is shown: there may be a secret in both.
                throw new InvalidInputException(header + ": can't be sent as a header of HTTP");
            }
        });
        executor = Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(work, "reward-http");
            thread.setDaemon(true);
            return thread;
        });
        // By version 1.1: the way to 2 is an upgrade header that some servers stumble over.
        client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECTING)
                .executor(executor)
                .build();
    }

    /** The answer to a request. Errors are {@link RewardException}s and hold no secret. */
    Mono<JsonNode> post(JsonNode body) {
        HttpRequest.Builder ready =
                request.copy().POST(BodyPublishers.ofString(body.toString(), StandardCharsets.UTF_8));
        return Mono.deferContextual(context ->
                        RequestSpan.of(context, name, address, ready).around(Mono.defer(() -> sent(ready.build()))))
                .onErrorMap(IOException.class, e -> new RewardException(address + ": " + described(e), e))
                .map(this::answer);
    }

    /** A request that nobody waits for any more is cut off, and its end is nobody's error. */
    private Mono<HttpResponse<String>> sent(HttpRequest ready) {
        return Mono.create(sink -> {
            CompletableFuture<HttpResponse<String>> response =
                    client.sendAsync(ready, BodyHandlers.ofString(StandardCharsets.UTF_8));
            sink.onCancel(() -> response.cancel(true));
            response.whenComplete((answer, e) -> {
                if (e == null) {
                    sink.success(answer);
                } else if (!response.isCancelled()) {
                    sink.error(e instanceof CompletionException && e.getCause() != null ? e.getCause() : e);
                }
            });
        });
    }

    private static String described(IOException e) {
        return e.getMessage() == null
                ? e.getClass().getSimpleName()
                : e.getClass().getSimpleName() + ": " + e.getMessage();
    }

    private JsonNode answer(HttpResponse<String> response) {
        int status = response.statusCode();
        if (status < OK || status >= NOT_OK) {
            String message = address + ": HTTP " + status + found(response.body());
            boolean passing = status == REQUEST_TIMEOUT
                    || status == TOO_EARLY
                    || status == TOO_MANY_REQUESTS
                    || status >= SERVER_ERROR;
            throw passing ? RewardException.busy(message, retryAfter(response)) : RewardException.lasting(message);
        }
        try {
            return JSON.readTree(response.body());
        } catch (JsonProcessingException e) {
            throw new RewardException(address + ": expected JSON" + found(response.body()));
        }
    }

    private String found(String body) {
        return body.isBlank() ? "" : ", found " + Samples.cut(secrets.hidden(body));
    }

    /** In seconds, or as a date. */
    private static Optional<Duration> retryAfter(HttpResponse<String> response) {
        return response.headers().firstValue("Retry-After").map(String::strip).flatMap(value -> {
            if (value.matches("[0-9]{1,9}")) {
                return Optional.of(Duration.ofSeconds(Long.parseLong(value)));
            }
            try {
                Instant then = ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME)
                        .toInstant();
                Duration left = Duration.between(Instant.now(), then);
                return left.isNegative() ? Optional.empty() : Optional.of(left);
            } catch (DateTimeException e) {
                return Optional.empty(); // a header that nobody understands asks for nothing
            }
        });
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
