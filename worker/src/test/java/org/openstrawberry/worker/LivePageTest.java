package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the live page serves of a run that trains meanwhile, without a browser. */
class LivePageTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final TinyRun tiny;

    @Nullable private PageRun started;

    LivePageTest(@TempDir Path folder) {
        tiny = new TinyRun(folder);
    }

    @BeforeEach
    void start() throws Exception {
        started = new PageRun(tiny.train("run", "until.iterations=1000"));
    }

    @AfterEach
    void stop() throws Exception {
        run().close();
    }

    private PageRun run() {
        if (started == null) {
            throw new IllegalStateException("not started");
        }
        return started;
    }

    @Test
    void aReaderIsToldAllRowsThenNewOnesAndGoesOnWhereItBrokeOff() throws Exception {
        List<Integer> first;
        try (Reader reader = new Reader("", -1)) {
            first = reader.iterations(4);
        }
        assertThat(first).startsWith(0, 1, 2, 3);
        int seen = first.get(first.size() - 1);
        run().press("pause", "{}");

        try (Reader again = new Reader("?after=-1", seen)) {
            assertThat(again.until("standing", "paused").path("iteration").asInt())
                    .isGreaterThanOrEqualTo(seen);
            assertThat(again.rows).doesNotContain(0, seen).allMatch(row -> row > seen);
        }
        try (Reader behind = new Reader("?after=" + (seen - 1), null)) {
            assertThat(behind.iterations(1)).startsWith(seen);
        }
        run().press("resume", "{}");
    }

    @Test
    void manyReadersAndOneWhoNeverReadsDontHoldTheRun() throws Exception {
        List<Reader> readers = new ArrayList<>();
        try (Socket deaf = new Socket("127.0.0.1", run().url().getPort())) {
            deaf.setReceiveBufferSize(1024);
            deaf.getOutputStream()
                    .write(("GET /api/runs/letter-count/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            for (int i = 0; i < 20; i++) {
                readers.add(new Reader("", -1));
            }
            for (Reader reader : readers) {
                assertThat(reader.iterations(6)).startsWith(0, 1, 2, 3, 4, 5);
            }
            run().press("stop", "{}");
            for (Reader reader : readers) {
                JsonNode last = reader.until("standing", "done");
                assertThat(last.path("reason").asText()).isEqualTo("stopped by request");
                reader.until("end", "");
            }
            assertThat(run().code()).isZero();
        } finally {
            for (Reader reader : readers) {
                reader.close();
            }
        }
    }

    @Test
    void iterationsAreShownWithRanksPairsAndTheLogProbsOfTheirTokens() throws Exception {
        try (Reader reader = new Reader("", -1)) {
            reader.iterations(5);
        }
        JsonNode curves = run().json("/curves");
        assertThat(curves.at("/runs/0/columns/loss").size()).isGreaterThan(3);
        assertThat(run().json("/figures").size()).isGreaterThan(3);

        JsonNode iteration = run().json("/iterations/3");
        assertThat(iteration.path("prompts")).hasSize(6);
        for (JsonNode prompt : iteration.path("prompts")) {
            JsonNode detail =
                    run().json("/iterations/3/prompts/" + prompt.path("prompt").asInt());
            assertThat(detail.path("branches")).hasSize(6);
            double before = Double.POSITIVE_INFINITY;
            int rank = 0;
            for (JsonNode branch : detail.path("branches")) {
                assertThat(branch.path("rank").asInt()).isEqualTo(++rank);
                assertThat(branch.path("reward").asDouble()).isLessThanOrEqualTo(before);
                before = branch.path("reward").asDouble();
                assertThat(branch.path("tokens")).hasSize(branch.path("length").asInt());
                assertThat(text(branch)).isEqualTo(branch.path("text").asText());
            }
            for (JsonNode pair : detail.path("pairs")) {
                for (String side : List.of("chosen", "rejected")) {
                    JsonNode branch = branch(detail, pair.path(side).asInt());
                    assertThat(branch.path("compared").asBoolean()).isTrue();
                    for (JsonNode token : branch.path("tokens")) {
                        assertThat(token.path("policy").asDouble())
                                .isNegative()
                                .isCloseTo(token.path("sampled").asDouble(), within(2e-3));
                        assertThat(token.path("reference").isNumber()).isTrue();
                    }
                }
            }
        }
        assertThat(run().get("api/runs/letter-count/iterations/99999").statusCode())
                .isEqualTo(HttpURLConnection.HTTP_BAD_REQUEST);
        assertThat(run().json("/iterations/3/prompts/77").path("error").asText())
                .isEqualTo("iteration 3, prompt 77: not there; expected 0 to 5");
    }

    @Test
    void aSettingIsAdjustedOrRefusedInTheWordsOfTheCommandLine() throws Exception {
        try (Reader reader = new Reader("", -1)) {
            reader.iterations(2);
        }
        HttpResponse<String> bad = run().press("adjust", "{\"changes\": [\"dpo.beta=-1\"]}");
        assertThat(bad.statusCode()).isEqualTo(HttpURLConnection.HTTP_BAD_REQUEST);
        assertThat(JSON.readTree(bad.body()).path("error").asText()).contains("dpo.beta", "must be > 0");
        assertThat(run().press("adjust", "{\"changes\": [\"model.device=cpu\"]}")
                        .body())
                .contains("can't change while the run lives");
        assertThat(run().press("adjust", "{\"changes\": [\"beta\"]}").body()).contains("expected path=value");
        assertThat(run().press("adjust", "nonsense").statusCode()).isEqualTo(HttpURLConnection.HTTP_BAD_REQUEST);

        HttpResponse<String> good = run().press("adjust", "{\"changes\": [\"dpo.beta=0.3\"]}");
        assertThat(good.statusCode()).as(good.body()).isEqualTo(HttpURLConnection.HTTP_OK);
        try (Reader reader = new Reader("", -1)) {
            PageRun.await(
                    "the new β in a step", () -> reader.nextRow().path("beta").asDouble() == 0.3);
        }
        assertThat(run().json("").at("/adjustable/dpo.beta").asText()).isEqualTo("0.3");
    }

    @Test
    void whileNobodyLooksNoThreadWorksForThePage() throws Exception {
        assertThat(Thread.getAllStackTraces().keySet().stream()
                        .map(Thread::getName)
                        .filter(name -> name.startsWith("live-page-") && !name.startsWith("live-page-http")))
                .isEmpty();
    }

    private static String text(JsonNode branch) {
        StringBuilder text = new StringBuilder();
        branch.path("tokens").forEach(token -> text.append(token.path("text").asText()));
        return text.toString();
    }

    private static JsonNode branch(JsonNode detail, int number) {
        for (JsonNode branch : detail.path("branches")) {
            if (branch.path("branch").asInt() == number) {
                return branch;
            }
        }
        throw new AssertionError("no branch " + number);
    }

    private record Event(String kind, JsonNode data) {}

    /** Reads a run's events as a browser does. */
    private final class Reader implements AutoCloseable {
        private final Socket socket;
        private final BufferedReader in;
        private final List<Integer> rows = new ArrayList<>();
        private final List<JsonNode> unseen = new ArrayList<>();

        /** @param lastSeen that it broke off after; null where it reads for the first time */
        Reader(String query, @Nullable Integer lastSeen) throws IOException {
            socket = new Socket("127.0.0.1", run().url().getPort());
            socket.getOutputStream()
                    .write(("GET /api/runs/letter-count/events" + query + " HTTP/1.0\r\nHost: localhost\r\n"
                                    + (lastSeen == null ? "" : "Last-Event-ID: " + lastSeen + "\r\n") + "\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        }

        Event next() throws IOException {
            String kind = "";
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.startsWith("event: ")) {
                    kind = line.substring("event: ".length());
                } else if (line.startsWith("data: ")) {
                    Event event = new Event(kind, JSON.readTree(line.substring("data: ".length())));
                    if (kind.equals("rows")) {
                        event.data().forEach(row -> {
                            rows.add(row.path("iteration").asInt());
                            unseen.add(row.path("values"));
                        });
                    }
                    return event;
                }
            }
            throw new IOException("the stream ended");
        }

        JsonNode nextRow() {
            try {
                while (unseen.isEmpty()) {
                    next();
                }
                return unseen.remove(0);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        List<Integer> iterations(int count) throws IOException {
            while (rows.size() < count) {
                next();
            }
            return rows;
        }

        JsonNode until(String kind, String state) throws IOException {
            for (Event event = next(); ; event = next()) {
                if (event.kind().equals(kind)
                        && event.data().path("state").asText().equals(state)) {
                    return event.data();
                }
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}
