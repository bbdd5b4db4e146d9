package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** What a collector is sent of a run whose reward is a service. */
class TracingTest {
    private final TinyRun run;

    TracingTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void anIterationIsATraceFromItsStepsToTheRewardsService() throws IOException {
        try (Services services = new Services()) {
            Said said = Said.by(arguments(services, "--otlp", services.url()));
            assertThat(said.code()).as(said.err()).isZero();
            assertThat(said.err()).isEmpty();

            Map<String, List<Span>> traces = services.spans().stream().collect(Collectors.groupingBy(Span::trace));
            List<Span> roots = services.spans().stream()
                    .filter(span -> span.name().equals("iteration"))
                    .sorted(Comparator.comparing(
                            span -> span.tag("strawberry.iteration"))) // they may come side by side
                    .toList();
            assertThat(roots)
                    .extracting(span -> span.tag("strawberry.iteration"))
                    .containsExactly("0", "1", "2");
            assertThat(roots).extracting(Span::parent).containsOnly("");
            for (Span root : roots.subList(1, 3)) {
                List<Span> trace = traces.getOrDefault(root.trace(), List.of());
                Map<String, Span> byId = trace.stream().collect(Collectors.toMap(Span::id, Function.identity()));
                assertThat(trace)
                        .allSatisfy(span -> assertThat(span.parent().isEmpty() || byId.containsKey(span.parent()))
                                .isTrue());
                assertThat(trace)
                        .extracting(Span::name)
                        .contains("sampleprompts", "generate", "rankandpair", "dpostep", "record", "reward.http");
                assertThat(trace)
                        .filteredOn(span -> span.name().equals("dpostep"))
                        .allSatisfy(span -> {
                            assertThat(span.parent()).isEqualTo(root.id());
                            assertThat(span.tag("strawberry.run")).isEqualTo("letter-count");
                            assertThat(span.tag("strawberry.iteration")).isEqualTo(root.tag("strawberry.iteration"));
                            assertThat(span.tag("strawberry.phase")).isEqualTo("dpostep");
                            assertThat(span.tag("strawberry.role")).isEqualTo("trainer");
                            assertThat(span.tag("strawberry.outcome")).isEqualTo("done");
                            assertThat(span.start()).isGreaterThanOrEqualTo(root.start());
                        });
            }
            // The service is told the very span of its request.
            Set<String> told = new HashSet<>(services.parents());
            Set<String> asked = services.spans().stream()
                    .filter(span -> span.name().equals("reward.http"))
                    .map(span -> "00-" + span.trace() + "-" + span.id() + "-01")
                    .collect(Collectors.toSet());
            assertThat(told).isNotEmpty().isEqualTo(asked);
        }
    }

    @Test
    void aRunIsTheSameWithACollectorThatIsDownAndNobodyIsToldWhereNobodyTraces() throws IOException {
        try (Services services = new Services()) {
            Said without = Said.by(arguments(services));
            assertThat(without.code()).as(without.err()).isZero();
            assertThat(services.parents()).containsOnly("");
        }
        Map<String, String> outcome = run.outcome("run");
        TinyRun again = run;
        try (Services services = new Services()) {
            List<String> arguments = arguments(services, "--otlp", "http://127.0.0.1:9");
            arguments.set(
                    arguments.indexOf(run.directory("run").toString()),
                    run.directory("down").toString());
            Said down = Said.by(arguments);

            assertThat(down.code()).as(down.err()).isZero();
            assertThat(down.err()).contains("Traces are not sent").hasLineCount(1);
            assertThat(again.outcome("down")).isEqualTo(outcome);
        }
    }

    @Test
    void theStepsOfARewardModelsTrainingAreTracesOfTheirOwn(@TempDir Path folder) throws IOException {
        Path pairs = Files.writeString(
                folder.resolve("pairs.jsonl"),
                "{\"prompt\": \"a in pan?\", \"chosen\": \"=1\", \"rejected\": \"=2\"}\n".repeat(8));
        List<String> arguments = new ArrayList<>(List.of("reward", "train", pairs.toString()));
        arguments.addAll(
                List.of("--base", run.file().resolveSibling("letter-count/base").toString()));
        arguments.addAll(List.of("--out", folder.resolve("model").toString()));
        arguments.addAll(List.of("--run-dir", folder.resolve("reward").toString()));
        arguments.addAll(List.of("--set", "steps=4", "--set", "checkpoint-every=2", "--set", "held-out-fraction=0"));
        try (Services services = new Services()) {
            arguments.addAll(List.of("--otlp", services.url()));
            Said said = Said.by(arguments);

            assertThat(said.code()).as(said.err()).isZero();
            assertThat(services.spans())
                    .extracting(Span::name)
                    .filteredOn(name -> name.startsWith("rewardmodel"))
                    .containsExactly(
                            "rewardmodelbegin", "rewardmodeladvance", "rewardmodeladvance", "rewardmodelexport");
            assertThat(services.spans()).allSatisfy(span -> {
                assertThat(span.parent()).isEmpty();
                assertThat(span.tag("strawberry.run")).isEqualTo("reward");
            });
        }
    }

    @Test
    void anAddressThatIsNoneIsNamed() throws IOException {
        List<String> arguments = new ArrayList<>(run.train("run"));
        arguments.addAll(List.of("--otlp", "collector"));
        Said said = Said.by(arguments);

        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(said.err()).contains("--otlp: found \"collector\"").hasLineCount(1);
    }

    private List<String> arguments(Services services, String... options) {
        List<String> arguments = new ArrayList<>(run.train(
                "run",
                "until.iterations=2",
                "warmup=null",
                "data.held-out=null",
                "reward.verifier=null",
                "reward.http={url: '" + services.url() + "/score', batch: 9}"));
        arguments.addAll(List.of(options));
        return arguments;
    }

    /** A span as the collector reads it. */
    private record Span(String trace, String id, String parent, String name, long start, Map<String, String> tags) {
        String tag(String key) {
            return tags.getOrDefault(key, "");
        }
    }

    /** A collector and a reward. */
    private static final class Services implements AutoCloseable {
        private final HttpServer server;
        private final ExecutorService threads = Executors.newCachedThreadPool();
        private final ConcurrentLinkedQueue<Span> spans = new ConcurrentLinkedQueue<>();
        private final ConcurrentLinkedQueue<String> parents = new ConcurrentLinkedQueue<>();

        Services() throws IOException {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setExecutor(threads);
            server.createContext("/v1/traces", this::collect);
            server.createContext("/score", this::score);
            server.start();
        }

        String url() {
            return "http://127.0.0.1:" + server.getAddress().getPort();
        }

        List<Span> spans() {
            return spans.stream()
                    .sorted(java.util.Comparator.comparingLong(Span::start))
                    .toList();
        }

        List<String> parents() {
            return List.copyOf(parents);
        }

        /** By the numbers of fields in opentelemetry/proto/trace/v1/trace.proto. */
        private void collect(HttpExchange exchange) throws IOException {
            try (exchange) {
                UnknownFieldSet request = UnknownFieldSet.parseFrom(exchange.getRequestBody());
                for (UnknownFieldSet resource : messages(request, 1)) {
                    for (UnknownFieldSet scope : messages(resource, 2)) {
                        for (UnknownFieldSet span : messages(scope, 2)) {
                            spans.add(span(span));
                        }
                    }
                }
                exchange.sendResponseHeaders(200, -1);
            }
        }

        private static Span span(UnknownFieldSet span) throws IOException {
            Map<String, String> tags = new HashMap<>();
            for (UnknownFieldSet tag : messages(span, 9)) {
                tags.put(text(tag, 1), text(messages(tag, 2).get(0), 1));
            }
            return new Span(
                    hex(span, 1),
                    hex(span, 2),
                    hex(span, 4),
                    text(span, 5),
                    span.getField(7).getFixed64List().get(0),
                    tags);
        }

        private static List<UnknownFieldSet> messages(UnknownFieldSet parent, int field) throws IOException {
            List<UnknownFieldSet> messages = new ArrayList<>();
            for (ByteString bytes : parent.getField(field).getLengthDelimitedList()) {
                messages.add(UnknownFieldSet.parseFrom(bytes));
            }
            return messages;
        }

        private static String text(UnknownFieldSet message, int field) {
            return message.getField(field).getLengthDelimitedList().stream()
                    .map(ByteString::toStringUtf8)
                    .collect(Collectors.joining());
        }

        private static String hex(UnknownFieldSet message, int field) {
            return message.getField(field).getLengthDelimitedList().stream()
                    .map(bytes -> HexFormat.of().formatHex(bytes.toByteArray()))
                    .collect(Collectors.joining());
        }

        private void score(HttpExchange exchange) throws IOException {
            try (exchange) {
                String parent = exchange.getRequestHeaders().getFirst("traceparent");
                parents.add(parent == null ? "" : parent);
                StringJoiner scores = new StringJoiner(", ", "{\"scores\": [", "]}");
                new ObjectMapper()
                        .readTree(exchange.getRequestBody())
                        .path("samples")
                        .forEach(sample -> scores.add(String.valueOf(
                                sample.path("completion").asText().hashCode() % 7)));
                byte[] body = scores.toString().getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, body.length);
                exchange.getResponseBody().write(body);
            }
        }

        @Override
        public void close() {
            server.stop(0);
            threads.shutdownNow();
        }
    }
}
