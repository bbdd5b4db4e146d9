package org.openstrawberry.worker;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.uber.m3.tally.RootScopeBuilder;
import com.uber.m3.tally.Scope;
import com.uber.m3.tally.ScopeCloseException;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.temporal.common.reporter.MicrometerClientStatsReporter;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.live.ListenAddress;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** Where Prometheus finds a process's metrics, ours, Java's and those of Temporal's SDK; nowhere unless an address is given. */
final class MetricsEndpoint implements AutoCloseable {
    /** The usual one of exporters of OpenTelemetry and Java; only an example. */
    private static final int EXAMPLE_PORT = 9464;

    private static final String PATH = "/metrics";
    private static final com.uber.m3.util.Duration REPORTS = com.uber.m3.util.Duration.ofSeconds(1);

    private final MeterRegistry meters;
    private final Optional<Scope> temporal;
    private final Optional<HttpServer> server;
    private final ProcessMeters process = new ProcessMeters();

    private MetricsEndpoint(MeterRegistry meters, Optional<Scope> temporal, Optional<HttpServer> server) {
        this.meters = meters;
        this.temporal = temporal;
        this.server = server;
        if (server.isPresent()) {
            process.bindTo(meters);
        }
    }

    /** The option that gives the address. */
    static final class Address {
        @Option(
                names = "--metrics",
                paramLabel = "[HOST:]PORT",
                description = "Serve metrics for Prometheus at /metrics there; without a host only to this machine.")
        private @Nullable String address;

        /** Refuses an address where it would have no effect. */
        void refuse(String where) {
            if (address != null) {
                throw new InvalidInputException("--metrics: has no effect " + where);
            }
        }

        /**
         * Begins to serve, where an address is given.
         *
         * @throws InvalidInputException if it is none, or taken
         */
        MetricsEndpoint open() {
            return address == null
                    ? new MetricsEndpoint(new SimpleMeterRegistry(), Optional.empty(), Optional.empty())
                    : serve(address);
        }
    }

    private static MetricsEndpoint serve(String address) {
        ListenAddress where = ListenAddress.parse("--metrics", address, EXAMPLE_PORT);
        PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        Scope temporal = new RootScopeBuilder()
                .reporter(new MicrometerClientStatsReporter(meters))
                .reportEvery(REPORTS);
        try {
            HttpServer server = HttpServer.create(new InetSocketAddress(where.host(), where.port()), 0);
            server.createContext(PATH, exchange -> answer(exchange, meters));
            server.start();
            return new MetricsEndpoint(meters, Optional.of(temporal), Optional.of(server));
        } catch (IOException e) {
            throw new InvalidInputException(
                    "--metrics: " + address + " can't be listened on: " + e.getMessage()
                            + "; expected one that is free",
                    e);
        }
    }

    private static void answer(HttpExchange exchange, PrometheusMeterRegistry meters) throws IOException {
        byte[] text = meters.scrape().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        exchange.sendResponseHeaders(200, text.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(text);
        }
    }

    MeterRegistry meters() {
        return meters;
    }

    /** Where Temporal's client and workers report to; empty where nobody asks. */
    Optional<Scope> temporal() {
        return temporal;
    }

    /** The port that is listened on. */
    Optional<Integer> port() {
        return server.map(listening -> listening.getAddress().getPort());
    }

    private static void close(Scope scope) {
        try {
            scope.close();
        } catch (ScopeCloseException e) {
            LoggerFactory.getLogger(MetricsEndpoint.class).warn("the last of Temporal's metrics are lost", e);
        }
    }

    @Override
    public void close() {
        server.ifPresent(listening -> listening.stop(0));
        temporal.ifPresent(MetricsEndpoint::close);
        process.close();
        meters.close();
    }
}
