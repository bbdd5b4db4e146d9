package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** A real HTTP server whose answers a test lays down: first those that were queued, then by rule. */
final class Service implements AutoCloseable {
    static {
        // Without it each answer waits 40 ms for the client's acknowledgement.
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Deque<Answer> queued = new ArrayDeque<>();
    private final Function<JsonNode, Answer> rule;
    final List<JsonNode> requests = Collections.synchronizedList(new ArrayList<>());
    final List<String> authorizations = Collections.synchronizedList(new ArrayList<>());
    final List<Long> moments = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger open = new AtomicInteger();
    final AtomicInteger mostOpen = new AtomicInteger();

    /** @param millis before it comes */
    record Answer(int status, String body, String retryAfter, long millis) {
        static Answer of(String body) {
            return new Answer(200, body, "", 0);
        }

        static Answer status(int status) {
            return new Answer(status, "{\"message\": \"status " + status + "\"}", "", 0);
        }

        Answer after(long later) {
            return new Answer(status, body, retryAfter, later);
        }

        Answer retryAfter(String when) {
            return new Answer(status, body, when, millis);
        }
    }

    Service(Function<JsonNode, Answer> rule) {
        this.rule = rule;
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
    }

    Service first(Answer... answers) {
        queued.addAll(List.of(answers));
        return this;
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/v1";
    }

    private void answer(HttpExchange exchange) throws IOException {
        moments.add(System.nanoTime());
        mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
        try (exchange) {
            JsonNode request =
                    new ObjectMapper().readTree(exchange.getRequestBody().readAllBytes());
            requests.add(request);
            authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
            Answer answer = next(request);
            Thread.sleep(answer.millis());
            if (!answer.retryAfter().isEmpty()) {
                exchange.getResponseHeaders().set("Retry-After", answer.retryAfter());
            }
            byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
            open.decrementAndGet();
            exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized Answer next(JsonNode request) {
        return queued.isEmpty() ? rule.apply(request) : queued.remove();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
