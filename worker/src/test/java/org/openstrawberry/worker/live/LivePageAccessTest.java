package org.openstrawberry.worker.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.EmbeddedTemporal;
import org.openstrawberry.workflows.client.RunHandle;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Who is let in, told by what stands in their requests, byte by byte. */
class LivePageAccessTest {
    private static final String TOKEN = "a-token-of-a-good-length";

    @Nullable private static EmbeddedTemporal temporal;

    @BeforeAll
    static void start() {
        temporal = EmbeddedTemporal.start();
    }

    @AfterAll
    static void close() {
        if (temporal != null) {
            temporal.close();
        }
    }

    @Test
    void thisMachineReadsWithoutATokenUnderItsOwnNamesOnly() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.empty())) {
            assertThat(page.url()).matches("http://127\\.0\\.0\\.1:\\d+/");
            for (String name : new String[] {"localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8240"}) {
                assertThat(get(page, "/runs/run", "Host: " + name)).startsWith("HTTP/1.1 200");
            }
            for (String name : new String[] {"evil.example", "evil.example:80", "localhost.evil.example", ""}) {
                assertThat(get(page, "/runs/run", "Host: " + name))
                        .as(name)
                        .startsWith("HTTP/1.1 403")
                        .contains("expected this machine's name");
            }
        }
    }

    @Test
    void fromElsewhereTheTokenOfTheUrlIsDemanded() throws IOException {
        try (LivePage page = page("0.0.0.0", Optional.empty())) {
            Matcher url =
                    Pattern.compile("http://[^/]+/\\?token=([A-Za-z0-9_-]{32})").matcher(page.url());
            assertThat(url.matches()).as(page.url()).isTrue();
            String token = url.group(1);

            assertThat(get(page, "/runs/run", "Host: box")).startsWith("HTTP/1.1 401");
            assertThat(get(page, "/api/runs/run/events", "Host: box")).startsWith("HTTP/1.1 401");
            assertThat(get(page, "/?token=" + token.substring(1) + "x", "Host: box"))
                    .startsWith("HTTP/1.1 401");
            String shown = get(page, "/?token=" + token, "Host: box");
            assertThat(shown).startsWith("HTTP/1.1 302").containsIgnoringCase("location: /\r\n");
            assertThat(shown).contains("HTTPOnly").contains("SameSite=Strict");
            String cookie = "strawberry-" + port(page) + "=" + token;
            assertThat(get(page, "/runs/run", "Host: box", "Cookie: " + cookie)).startsWith("HTTP/1.1 200");
            assertThat(get(page, "/runs/run", "Host: box", "Authorization: Bearer " + token))
                    .startsWith("HTTP/1.1 200");
        }
    }

    @Test
    void aTokenThatIsGivenIsDemandedHereToo() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.of(TOKEN))) {
            assertThat(page.url()).endsWith("/?token=" + TOKEN);
            assertThat(get(page, "/runs/run", "Host: localhost")).startsWith("HTTP/1.1 401");
            assertThat(get(page, "/runs/run?token=" + TOKEN, "Host: evil.example"))
                    .startsWith("HTTP/1.1 403");
        }
    }

    @Test
    void aWrongTokenInTheUrlDoesNotReplaceTheRightOneOfTheCookie() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.of(TOKEN))) {
            String cookie = "Cookie: strawberry-" + port(page) + "=" + TOKEN;

            assertThat(get(page, "/runs/run?token=another", "Host: localhost", cookie))
                    .startsWith("HTTP/1.1 302")
                    .doesNotContainIgnoringCase("set-cookie");
        }
    }

    @Test
    void theTokenIsTakenOffTheUrlWithoutLeadingToAnotherHost() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.of(TOKEN))) {
            for (String path : new String[] {"//evil.example/", "/\\evil.example/", "///evil.example/"}) {
                assertThat(get(page, path + "?token=" + TOKEN, "Host: localhost"))
                        .as(path)
                        .startsWith("HTTP/1.1 302")
                        .containsIgnoringCase("location: /evil.example/\r\n");
            }
        }
    }

    @Test
    void whatCantBeDecodedIsABadRequest() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.empty())) {
            for (String path : new String[] {"/?token=%zz", "/api/runs/%zz", "/api/runs/%zz/events", "/assets/%"}) {
                assertThat(get(page, path, "Host: localhost")).as(path).startsWith("HTTP/1.1 400");
            }
        }
    }

    @Test
    void theAddressThatIsListenedOnIsKnownInAnyLetters() throws IOException {
        try (LivePage page = page("::FFFF:127.0.0.1", Optional.empty())) {
            for (String name : new String[] {"[::ffff:127.0.0.1]", "[::FFFF:127.0.0.1]:80"}) {
                assertThat(get(page, "/runs/run", "Host: " + name)).as(name).startsWith("HTTP/1.1 200");
            }
        }
    }

    @Test
    void beyondManyConnectionsNoFurtherOneIsServed() throws IOException {
        List<Socket> sockets = new ArrayList<>();
        try (LivePage page = page("127.0.0.1", Optional.empty())) {
            for (int i = 0; i < LivePage.MOST_CONNECTIONS; i++) {
                sockets.add(new Socket("127.0.0.1", port(page)));
            }
            try (Socket further = new Socket("127.0.0.1", port(page))) {
                assertThat(further.getInputStream().read()).isEqualTo(-1);
            }
            send(sockets.get(0), "GET /runs/run", "Host: localhost");
            assertThat(sockets.get(0).getInputStream().read()).isEqualTo('H');
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    @Test
    void whoNeverReadsAndWhoWaitsForAnAnswerDontMakeTheEndFail() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        LivePage page = LivePage.open(new ListenAddress("127.0.0.1", 0), Optional.empty(), new Hanging(asked, over));
        try (Socket deaf = new Socket("127.0.0.1", port(page));
                Socket waiting = new Socket("127.0.0.1", port(page))) {
            for (int i = 0; i < 300; i++) {
                send(deaf, "GET /assets/uplot.js", "Host: localhost");
            }
            send(waiting, "GET /api/runs/run", "Host: localhost");
            assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();

            assertThatCode(page::close).doesNotThrowAnyException();
            assertThat(waiting.getInputStream().read()).isEqualTo(-1);
        } finally {
            over.countDown();
        }
    }

    /** A server of runs that doesn't answer. */
    private record Hanging(CountDownLatch asked, CountDownLatch over) implements RunSource {
        @Override
        public Optional<RunSource.Shown> find(String id) {
            asked.countDown();
            boolean interrupted = false;
            while (over.getCount() > 0) {
                try {
                    over.await();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            return Optional.empty();
        }
    }

    @Test
    void buttonsArePressedByThePageItselfOnly() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.empty())) {
            Matcher key = Pattern.compile("name=\"key\" content=\"([^\"]+)\"")
                    .matcher(get(page, "/runs/run", "Host: localhost"));
            assertThat(key.find()).isTrue();
            String shown = "X-Strawberry-Key: " + key.group(1);

            assertThat(post(page, "Host: localhost")).startsWith("HTTP/1.1 403");
            assertThat(post(page, "Host: localhost", "X-Strawberry-Key: guess")).startsWith("HTTP/1.1 403");
            assertThat(post(page, "Host: localhost", shown, "Origin: http://evil.example"))
                    .startsWith("HTTP/1.1 403");
            assertThat(post(page, "Host: localhost", shown, "Origin: null")).startsWith("HTTP/1.1 403");
            assertThat(post(page, "Host: localhost", shown, "Sec-Fetch-Site: cross-site"))
                    .startsWith("HTTP/1.1 403");
            assertThat(post(page, "Host: localhost:80", shown, "Origin: http://localhost:80"))
                    .startsWith("HTTP/1.1 409")
                    .contains("the run has ended");
        }
    }

    @Test
    void everythingIsSentWithAPolicyThatKnowsNoOtherHost() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.empty())) {
            for (String path : new String[] {"/runs/run", "/assets/live.js", "/api/runs/other", "/nothing"}) {
                assertThat(get(page, path, "Host: localhost"))
                        .containsIgnoringCase("content-security-policy: default-src 'none'; script-src 'self'")
                        .containsIgnoringCase("x-content-type-options: nosniff")
                        .containsIgnoringCase("cache-control: no-store");
            }
        }
    }

    @Test
    void whatIsNotThereIsSaid() throws IOException {
        try (LivePage page = page("127.0.0.1", Optional.empty())) {
            assertThat(get(page, "/api/runs/other", "Host: localhost"))
                    .startsWith("HTTP/1.1 404")
                    .contains("other: no such run here");
            assertThat(get(page, "/api/runs/other/events", "Host: localhost")).startsWith("HTTP/1.1 404");
            assertThat(get(page, "/assets/..%2Flive.html", "Host: localhost")).startsWith("HTTP/1.1 404");
            assertThat(get(page, "/api/runs/run/iterations/1", "Host: localhost"))
                    .startsWith("HTTP/1.1 400")
                    .contains("can't be read by the process that serves this page");
        }
    }

    @Test
    void aPortThatIsTakenIsOneClearError() throws IOException {
        try (ServerSocket taken = new ServerSocket(0)) {
            assertThatThrownBy(() -> LivePage.open(
                            new ListenAddress("127.0.0.1", taken.getLocalPort()), Optional.empty(), runs()))
                    .isInstanceOf(InvalidInputException.class)
                    .hasMessageMatching("--web: 127\\.0\\.0\\.1:\\d+ can't be listened on: .*in use.*");
        }
    }

    @Test
    void theOptionTakesAnAddressAndLeavesARunFileAlone() {
        assertThat(Asked.of("--web", "run.yaml").file).isEqualTo("run.yaml");
        assertThat(Asked.of("run.yaml", "--web").file).isEqualTo("run.yaml");
        assertThat(Asked.of("--web", "9000", "run.yaml").file).isEqualTo("run.yaml");
        assertThat(Asked.of("--web", "[::1]:9000").file).isNull();
    }

    @Test
    void whatIsNoAddressOrNoTokenIsRefused() {
        assertRefused("--web: found \"70000\", expected a port or HOST:PORT, such as 8240", "--web=70000");
        assertRefused("--web: found \"somewhere\", expected a port or HOST:PORT, such as 8240", "--web=somewhere");
        assertRefused("--web: no-such-host.invalid: no such host", "--web=no-such-host.invalid:1");
        assertRefused("--web-token: has no effect without --web", "--web-token=" + TOKEN);
        assertRefused("--web-token: expected at least 16 letters", "--web=0", "--web-token=short");
        assertRefused("--web-token: expected at least 16 letters", "--web=0", "--web-token=a token with blanks in it");
    }

    private static void assertRefused(String message, String... arguments) {
        WebOptions web = Asked.of(arguments).web;
        assertThatThrownBy(() -> web.open(LivePageAccessTest::runs).close())
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(message);
    }

    /** A command with the options and a run file, as {@code train} is. */
    private static final class Asked {
        @Mixin
        private WebOptions web = new WebOptions();

        @Parameters(arity = "0..1")
        private @Nullable String file;

        static Asked of(String... arguments) {
            Asked asked = new Asked();
            new CommandLine(asked).parseArgs(arguments);
            return asked;
        }
    }

    private static RunSource runs() {
        if (temporal == null) {
            throw new IllegalStateException("not started");
        }
        return new RunSource.One(
                new RunSource.Shown("run", RunHandle.attach(temporal.client(), "run"), Path.of("/nowhere/run")));
    }

    private static LivePage page(String host, Optional<String> token) {
        return LivePage.open(new ListenAddress(host, 0), token, runs());
    }

    private static int port(LivePage page) {
        return URI.create(page.url()).getPort();
    }

    private static String get(LivePage page, String path, String... headers) throws IOException {
        return said(page, "GET " + path, headers);
    }

    private static String post(LivePage page, String... headers) throws IOException {
        return said(page, "POST /api/runs/run/pause", headers);
    }

    private static String said(LivePage page, String what, String... headers) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port(page))) {
            send(
                    socket,
                    what,
                    Stream.concat(Stream.of(headers), Stream.of("Connection: close"))
                            .toArray(String[]::new));
            InputStream in = socket.getInputStream();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static void send(Socket socket, String what, String... headers) throws IOException {
        String request = what + " HTTP/1.1\r\n" + String.join("\r\n", headers) + "\r\nContent-Length: 0\r\n\r\n";
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    }
}
