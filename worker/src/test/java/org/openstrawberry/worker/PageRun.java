package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A run that trains beside the test, with a page; it is stopped with the test. */
final class PageRun implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient client = HttpClient.newHttpClient();
    private final PrintStream out = System.out;
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
    private final CompletableFuture<Integer> code;
    private final URI url;
    private final String key;

    /** @param arguments of {@code train} */
    PageRun(List<String> arguments) throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of("--web", "0"));
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        code = CompletableFuture.supplyAsync(() -> Main.run(all.toArray(String[]::new)), task -> {
            Thread thread = new Thread(task, "train");
            thread.setDaemon(true);
            thread.start();
        });
        Pattern page = Pattern.compile("page {5}(\\S+)");
        await("the page", () -> code.isDone() || page.matcher(printed()).find());
        Matcher told = page.matcher(printed());
        if (!told.find()) {
            throw new IllegalStateException(printed());
        }
        url = URI.create(told.group(1));
        Matcher found = Pattern.compile("name=\"key\" content=\"([^\"]+)\"")
                .matcher(get("runs/letter-count").body());
        if (!found.find()) {
            throw new IllegalStateException("the page has no key");
        }
        key = found.group(1);
    }

    String printed() {
        return printed.toString(StandardCharsets.UTF_8);
    }

    URI url() {
        return url;
    }

    /** Waits for something to come true. */
    static void await(String what, BooleanSupplier true_) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!true_.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException("waited in vain for " + what);
            }
            Thread.sleep(50);
        }
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(url.resolve("/" + path)).build(), BodyHandlers.ofString());
    }

    JsonNode json(String path) throws IOException, InterruptedException {
        return JSON.readTree(get("api/runs/letter-count" + path).body());
    }

    HttpResponse<String> press(String button, String body) throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(url.resolve("/api/runs/letter-count/" + button))
                        .header("X-Strawberry-Key", key)
                        .POST(BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
    }

    /** The exit code of the command, which ends with the run. */
    int code() throws Exception {
        return code.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    @Override
    public void close() throws Exception {
        try {
            try {
                press("stop", "{}");
            } catch (IOException e) {
                // The page is gone, so the command is ending already.
            }
            code();
        } catch (TimeoutException e) {
            throw new IllegalStateException("the run did not stop: " + printed(), e);
        } finally {
            System.setOut(out);
        }
    }
}
