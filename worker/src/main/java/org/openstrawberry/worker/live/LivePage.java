package org.openstrawberry.worker.live;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.cookie.CookieHeaderNames.SameSite;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.temporal.client.WorkflowNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.report.PageFiles;
import org.openstrawberry.worker.report.RunViews;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.http.server.HttpServerRoutes;
import reactor.netty.resources.LoopResources;

/** Serves the page. All of its work is done on threads of its own, and there is none while nobody looks. */
public final class LivePage implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LivePage.class);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Duration GOODBYE = Duration.ofSeconds(2);
    private static final Duration BEAT = Duration.ofSeconds(15);
    /** Of a connection that is between two requests. */
    private static final Duration IDLE = Duration.ofSeconds(60);
    /** Until all of a request must have come. */
    private static final Duration LONGEST_REQUEST = Duration.ofSeconds(30);

    static final int MOST_CONNECTIONS = 256;
    private static final int READERS_AT_ONCE = 4;
    private static final int WAITING_READERS = 1_000;
    private static final int LONGEST_BODY = 64 * 1024;
    private static final String TOKEN = "token";
    private static final String SCRIPT = "text/javascript; charset=utf-8";
    private static final String STYLE = "text/css; charset=utf-8";
    private static final String POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
            + " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static final ObjectMapper JSON = JsonMapper.builder()
            .addModule(new Jdk8Module())
            .defaultPropertyInclusion(JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, null))
            .build();

    /** By which a page that was loaded before sees that another process serves it now. */
    private final String instance = UUID.randomUUID().toString();

    private final ListenAddress address;
    private final RunSource runs;
    private final Access access;
    private final Map<String, LiveRun> looked = new ConcurrentHashMap<>();
    private final Map<String, Asset> assets = assets();
    private final Scheduler scheduler =
            Schedulers.newBoundedElastic(READERS_AT_ONCE, WAITING_READERS, "live-page", 60, true);
    private final LoopResources loops = LoopResources.create("live-page-http", 1, true);
    private final ChannelGroup channels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private final AtomicInteger connections = new AtomicInteger();
    private final DisposableServer server;

    private LivePage(ListenAddress address, Optional<String> token, RunSource runs) {
        this.address = address;
        this.runs = runs;
        access = Access.of(address, token);
        HttpServerRoutes routes = routes();
        server = HttpServer.create()
                .host(address.host())
                .port(address.port())
                .runOn(loops, false)
                .channelGroup(channels)
                .idleTimeout(IDLE)
                .requestTimeout(LONGEST_REQUEST)
                .doOnChannelInit((observer, channel, from) -> admit(channel))
                .handle((request, response) -> guarded(request, response, routes))
                .bindNow(PATIENCE);
    }

    /** A file that never changes while the process lives. */
    private record Asset(String type, String text) {}

    /**
     * Begins to serve.
     *
     * @throws InvalidInputException if the address is taken, or not this machine's
     */
    static LivePage open(ListenAddress address, Optional<String> token, RunSource runs) {
        try {
            return new LivePage(address, token, runs);
        } catch (RuntimeException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new InvalidInputException(
                    "--web: " + address + " can't be listened on: " + cause.getMessage()
                            + "; expected one that is free",
                    e);
        }
    }

    private static Map<String, Asset> assets() {
        Map<String, Asset> assets = new LinkedHashMap<>();
        assets.put("page.css", new Asset(STYLE, PageFiles.STYLE.text()));
        assets.put("trees.css", new Asset(STYLE, PageFiles.TREES_STYLE.text()));
        assets.put("trees.js", new Asset(SCRIPT, PageFiles.TREES.text()));
        assets.put("live.css", new Asset(STYLE, own("live.css")));
        assets.put("uplot.css", new Asset(STYLE, PageFiles.CHART_LIBRARY_STYLE.text()));
        assets.put("uplot.js", new Asset(SCRIPT, PageFiles.CHART_LIBRARY.text()));
        assets.put("charts.js", new Asset(SCRIPT, PageFiles.CHARTS.text()));
        assets.put("live.js", new Asset(SCRIPT, own("live.js")));
        assets.put("runs.js", new Asset(SCRIPT, own("runs.js")));
        assets.put("icon.svg", new Asset("image/svg+xml", own("icon.svg")));
        return assets;
    }

    private static String own(String name) {
        try (InputStream in = LivePage.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is missing from the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Readers beyond many are turned away, so that nobody takes all files that this process may open. */
    private void admit(Channel channel) {
        channel.closeFuture().addListener(closed -> connections.decrementAndGet());
        if (connections.incrementAndGet() > MOST_CONNECTIONS) {
            channel.eventLoop().execute(channel::close);
        }
    }

    /** Where a browser finds the page, with the token where one is demanded. */
    public String url() {
        return "http://" + address.inUrl(server.port()) + "/"
                + access.token().map(token -> "?" + TOKEN + "=" + token).orElse("");
    }

    /** What the command says of it. */
    public String told() {
        return "page     " + url();
    }

    private HttpServerRoutes routes() {
        return HttpServerRoutes.newRoutes()
                .get("/", (request, response) -> home(response))
                .get("/runs/{id}", (request, response) -> html(response, own("live.html")))
                .get("/assets/{name}", (request, response) -> asset(request, response))
                .get("/api/runs", (request, response) -> answer(response, this::lines))
                .get(
                        "/api/runs/{id}",
                        (request, response) ->
                                answer(response, () -> runAsOfNow(request).about()))
                .get("/api/runs/{id}/events", this::events)
                .get("/api/runs/{id}/curves", (request, response) -> answer(response, () -> curves(run(request))))
                .get(
                        "/api/runs/{id}/figures",
                        (request, response) ->
                                answer(response, () -> run(request).figures()))
                .get(
                        "/api/runs/{id}/examples",
                        (request, response) ->
                                answer(response, () -> run(request).examples()))
                .get(
                        "/api/runs/{id}/iterations/{iteration}",
                        (request, response) ->
                                answer(response, () -> run(request).browser().iteration(number(request, "iteration"))))
                .get(
                        "/api/runs/{id}/iterations/{iteration}/prompts/{prompt}",
                        (request, response) -> answer(
                                response,
                                () -> run(request)
                                        .browser()
                                        .prompt(number(request, "iteration"), number(request, "prompt"))))
                .post(
                        "/api/runs/{id}/pause",
                        (request, response) -> answer(response, () -> {
                            run(request).handle().pause();
                            return Map.of();
                        }))
                .post(
                        "/api/runs/{id}/resume",
                        (request, response) -> answer(response, () -> {
                            run(request).handle().resume();
                            return Map.of();
                        }))
                .post(
                        "/api/runs/{id}/stop",
                        (request, response) -> answer(response, () -> {
                            run(request).handle().stop();
                            return Map.of();
                        }))
                .post("/api/runs/{id}/adjust", this::adjust);
    }

    /** Everything that is answered goes through here. */
    private Publisher<Void> guarded(HttpServerRequest request, HttpServerResponse response, HttpServerRoutes routes) {
        response.header("X-Content-Type-Options", "nosniff")
                .header("Referrer-Policy", "no-referrer")
                .header("Content-Security-Policy", POLICY)
                .header("Cross-Origin-Opener-Policy", "same-origin")
                .header("Cross-Origin-Resource-Policy", "same-origin")
                .header(HttpHeaderNames.CACHE_CONTROL, "no-store");
        QueryStringDecoder query = new QueryStringDecoder(request.uri());
        Optional<String> given;
        try {
            given = Optional.ofNullable(query.parameters().get(TOKEN)).map(values -> values.get(0));
            URLDecoder.decode(query.rawPath(), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return refused(
                    response, new Access.Refusal(400, "expected two hexadecimal digits behind each % of the address"));
        }
        int port = port(request);
        Optional<Access.Refusal> refusal = access.refusal(request, given, port);
        if (refusal.isPresent()) {
            return refused(response, refusal.get());
        }
        if (given.isPresent() && access.token().isPresent()) {
            if (access.isToken(given.get())) {
                DefaultCookie cookie = new DefaultCookie(Access.cookie(port), given.get());
                cookie.setHttpOnly(true);
                cookie.setPath("/");
                cookie.setSameSite(SameSite.Strict);
                response.addCookie(cookie);
            }
            // Two slashes would begin the name of another host.
            return response.sendRedirect("/" + query.rawPath().replaceFirst("^[/\\\\]+", ""));
        }
        return routes.apply(request, response);
    }

    private static Publisher<Void> refused(HttpServerResponse response, Access.Refusal refusal) {
        return response.status(refusal.status())
                .header(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8")
                .sendString(Mono.just(refusal.why() + "\n"));
    }

    /** By the connection: a request may come before {@link #server} is known. */
    private static int port(HttpServerRequest request) {
        SocketAddress here = request.hostAddress();
        if (here instanceof InetSocketAddress address) {
            return address.getPort();
        }
        throw new IllegalStateException("a connection to no port: " + here);
    }

    private Publisher<Void> home(HttpServerResponse response) {
        return runs instanceof RunSource.One one
                ? response.sendRedirect("/runs/"
                        + URLEncoder.encode(one.run().id(), StandardCharsets.UTF_8)
                                .replace("+", "%20"))
                : html(response, own("runs.html"));
    }

    private Publisher<Void> html(HttpServerResponse response, String page) {
        return response.header(HttpHeaderNames.CONTENT_TYPE, "text/html; charset=utf-8")
                .sendString(Mono.just(page.replace("@KEY@", access.key())
                        .replace("@INSTANCE@", instance)
                        .replace("@LIST@", String.valueOf(runs instanceof RunSource.All))));
    }

    private Publisher<Void> asset(HttpServerRequest request, HttpServerResponse response) {
        Optional<Asset> asset = Optional.ofNullable(assets.get(parameter(request, "name")));
        return asset.<Publisher<Void>>map(file -> response.header(HttpHeaderNames.CONTENT_TYPE, file.type())
                        .sendString(Mono.just(file.text())))
                .orElseGet(response::sendNotFound);
    }

    private List<RunSource.Line> lines() {
        if (runs instanceof RunSource.All all) {
            return all.lines();
        }
        throw new InvalidInputException("this page shows one run");
    }

    private static String parameter(HttpServerRequest request, String name) {
        String value = Optional.ofNullable(request.param(name)).orElse("");
        return URLDecoder.decode(value.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private static int number(HttpServerRequest request, String name) {
        String text = parameter(request, name);
        if (!text.matches("\\d{1,9}")) {
            throw new InvalidInputException(name + ": found \"" + text + "\", expected a number");
        }
        return Integer.parseInt(text);
    }

    private LiveRun run(HttpServerRequest request) {
        looked.forEach((id, run) -> {
            if (run.isForgotten()) {
                letGo(id, run);
            }
        });
        LiveRun run = looked.computeIfAbsent(
                parameter(request, "id"),
                name -> runs.find(name)
                        .map(shown -> new LiveRun(shown, scheduler))
                        .orElseThrow(() -> new NoSuchRunException(name)));
        run.use();
        return run;
    }

    /** For a page that begins: another run may have been started under the same id. */
    private LiveRun runAsOfNow(HttpServerRequest request) {
        String id = parameter(request, "id");
        Optional.ofNullable(looked.get(id))
                .filter(run -> !runs.isStill(run.shown()))
                .ifPresent(run -> letGo(id, run));
        return run(request);
    }

    private void letGo(String id, LiveRun run) {
        if (looked.remove(id, run)) {
            run.close();
        }
    }

    private static final class NoSuchRunException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NoSuchRunException(String id) {
            super(id + ": no such run here");
        }
    }

    private static ObjectNode curves(LiveRun run) {
        return RunViews.curves(run.shown().id(), run.rows());
    }

    /** A stream goes on where the reader's last one broke off, as the browser tells, or after what it has read before. */
    private Publisher<Void> events(HttpServerRequest request, HttpServerResponse response) {
        return Mono.fromCallable(() -> run(request))
                .subscribeOn(scheduler)
                .map(Optional::of)
                .onErrorResume(NoSuchRunException.class, e -> Mono.just(Optional.empty()))
                .flatMap(found -> found.isEmpty()
                        ? Mono.from(response.sendNotFound())
                        : Mono.from(response.sse().send(stream(found.get().events(after(request))), buffer -> true)));
    }

    private static int after(HttpServerRequest request) {
        Optional<String> lastSeen = Optional.ofNullable(request.requestHeaders().get("Last-Event-ID"));
        Optional<String> asked = Optional.ofNullable(
                        new QueryStringDecoder(request.uri()).parameters().get("after"))
                .map(values -> values.get(0));
        return lastSeen.or(() -> asked)
                .filter(text -> text.matches("-?\\d{1,9}"))
                .map(Integer::parseInt)
                .orElse(-1);
    }

    private Flux<ByteBuf> stream(Flux<LiveRun.Event> events) {
        // A reader that is gone is noticed only when it is written to.
        Flux<String> beats = Flux.interval(BEAT).onBackpressureDrop().map(beat -> ":\n\n");
        return events.map(event ->
                        "event: " + event.kind() + "\nid: " + event.known() + "\ndata: " + json(event.data()) + "\n\n")
                .publish(told -> Flux.merge(1, told, beats.takeUntilOther(told.ignoreElements())), 1)
                .startWith("event: served\ndata: " + json(Map.of("instance", instance)) + "\n\n")
                .map(text -> Unpooled.wrappedBuffer(text.getBytes(StandardCharsets.UTF_8)));
    }

    private Publisher<Void> adjust(HttpServerRequest request, HttpServerResponse response) {
        int length = request.requestHeaders().getInt(HttpHeaderNames.CONTENT_LENGTH, -1);
        if (length < 0 || length > LONGEST_BODY) {
            return response.status(413).send();
        }
        return request.receive()
                .aggregate()
                .asString(StandardCharsets.UTF_8)
                .defaultIfEmpty("")
                .flatMap(body -> Mono.from(answer(response, () -> {
                    Map<String, Object> changes = Adjustment.parse(changes(body));
                    run(request).handle().adjust(changes);
                    return Map.of("changes", changes);
                })));
    }

    private static List<String> changes(String body) {
        try {
            return JSON.readValue(body, new TypeReference<Map<String, List<String>>>() {})
                    .getOrDefault("changes", List.of());
        } catch (JsonProcessingException e) {
            throw new InvalidInputException("found " + body + ", expected {\"changes\": [\"path=value\"]}", e);
        }
    }

    private record Answer(int status, Object value) {}

    private Publisher<Void> answer(HttpServerResponse response, Callable<?> question) {
        return Mono.fromCallable(() -> new Answer(200, question.call()))
                .subscribeOn(scheduler)
                .onErrorResume(e -> Mono.just(failed(e)))
                .flatMap(answer -> Mono.from(response.status(answer.status())
                        .header(HttpHeaderNames.CONTENT_TYPE, "application/json; charset=utf-8")
                        .sendString(Mono.just(json(answer.value())))));
    }

    private static Answer failed(Throwable e) {
        if (e instanceof InvalidInputException) {
            return new Answer(400, error(String.valueOf(e.getMessage())));
        }
        if (e instanceof NoSuchRunException) {
            return new Answer(404, error(String.valueOf(e.getMessage())));
        }
        if (e instanceof WorkflowNotFoundException) {
            return new Answer(409, error("the run has ended"));
        }
        log.warn("the live page could not answer", e);
        String first = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        return new Answer(500, error(e.getClass().getSimpleName() + ": " + first));
    }

    private static Map<String, String> error(String message) {
        return Map.of("error", message);
    }

    private static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("can't be written as JSON: " + value, e);
        }
    }

    /** Tells those who look how their runs ended, and ends. */
    @Override
    public void close() {
        looked.values().forEach(LiveRun::end);
        looked.values().forEach(LiveRun::awaitEnd);
        try {
            // A reader who doesn't read, or waits for an answer that doesn't come, is no reason for the command to
            // fail.
            looked.forEach(this::letGo);
            attempt(() -> server.disposeNow(GOODBYE));
            attempt(() -> channels.close().awaitUninterruptibly(GOODBYE.toMillis()));
            attempt(() -> loops.disposeLater(Duration.ZERO, GOODBYE).block(GOODBYE.plus(GOODBYE)));
        } finally {
            scheduler.dispose();
        }
    }

    private static void attempt(Runnable part) {
        try {
            part.run();
        } catch (RuntimeException e) {
            log.debug("the live page did not end in time", e);
        }
    }
}
