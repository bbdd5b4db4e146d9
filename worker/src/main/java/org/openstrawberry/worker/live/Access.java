package org.openstrawberry.worker.live;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.cookie.Cookie;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import reactor.netty.http.server.HttpServerRequest;

/**
 * Who may read the page and press its buttons. On this machine: whoever comes by a name of this machine, since a foreign page
 * that had its own name point here would come by that. From elsewhere, or where one is given: whoever has the token. And
 * buttons are only pressed by the page itself, which knows a key that no other page can read.
 */
final class Access {
    /** Carries the key. */
    static final String KEY_HEADER = "X-Strawberry-Key";

    private static final int KEY_BYTES = 24;
    private static final Set<String> NAMES_OF_HERE = Set.of("localhost", "127.0.0.1", "[::1]");

    private final Optional<String> token;
    private final String key = random();
    private final String host;
    private final boolean local;

    private Access(Optional<String> token, String host, boolean local) {
        this.token = token;
        this.host = (host.contains(":") ? "[" + host + "]" : host).toLowerCase(Locale.ROOT);
        this.local = local;
    }

    static Access of(ListenAddress address, Optional<String> given) {
        boolean local = address.isLocal();
        Optional<String> token = local ? given : given.or(() -> Optional.of(random()));
        return new Access(token, address.host(), local);
    }

    /** Why a request is not answered. */
    record Refusal(int status, String why) {}

    private static String random() {
        byte[] bytes = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** What must be shown from elsewhere; empty where nothing must. */
    Optional<String> token() {
        return token;
    }

    /** Whether it is what must be shown. */
    boolean isToken(String shown) {
        return token.filter(right -> same(shown, right)).isPresent();
    }

    /** What the page shows when it presses a button. */
    String key() {
        return key;
    }

    /** Of several pages of one host, each keeps its own: cookies know no ports. */
    static String cookie(int port) {
        return "strawberry-" + port;
    }

    /**
     * Why a request is refused; empty where it is not.
     *
     * @param given the token of the request's query, if it has one
     */
    Optional<Refusal> refusal(HttpServerRequest request, Optional<String> given, int port) {
        String name = Optional.ofNullable(request.requestHeaders().get(HttpHeaderNames.HOST))
                .orElse("");
        if (local && !isNameOfHere(name)) {
            return Optional.of(new Refusal(403, "expected this machine's name, such as localhost, in the address"));
        }
        if (token.isPresent() && !shown(request, given, port).anyMatch(this::isToken)) {
            return Optional.of(new Refusal(401, "expected the address with the token that the command printed"));
        }
        return request.method().equals(HttpMethod.POST) ? refusalToPress(request, name) : Optional.empty();
    }

    private boolean isNameOfHere(String name) {
        String bare = name.replaceFirst(":\\d*$", "").toLowerCase(Locale.ROOT);
        return NAMES_OF_HERE.contains(bare) || bare.equals(host);
    }

    private static Stream<String> shown(HttpServerRequest request, Optional<String> given, int port) {
        List<? extends Cookie> cookies = request.cookies().entrySet().stream()
                .filter(entry -> entry.getKey().toString().equals(cookie(port)))
                .flatMap(entry -> entry.getValue().stream())
                .toList();
        Stream<String> bearer = Stream.ofNullable(request.requestHeaders().get(HttpHeaderNames.AUTHORIZATION))
                .filter(value -> value.startsWith("Bearer "))
                .map(value -> value.substring("Bearer ".length()));
        return Stream.of(cookies.stream().map(Cookie::value), bearer, given.stream())
                .flatMap(values -> values);
    }

    private Optional<Refusal> refusalToPress(HttpServerRequest request, String name) {
        boolean foreign = Optional.ofNullable(request.requestHeaders().get(HttpHeaderNames.ORIGIN))
                        .filter(origin -> !origin.replaceFirst("^https?://", "").equalsIgnoreCase(name))
                        .isPresent()
                || Optional.ofNullable(request.requestHeaders().get("Sec-Fetch-Site"))
                        .filter(site -> !site.equals("same-origin"))
                        .isPresent();
        boolean known = Optional.ofNullable(request.requestHeaders().get(KEY_HEADER))
                .filter(shown -> same(shown, key))
                .isPresent();
        return foreign || !known
                ? Optional.of(new Refusal(403, "only the page itself steers the run; load it again"))
                : Optional.empty();
    }

    /** In a time that tells nothing of how much was right. */
    private static boolean same(String one, String other) {
        return MessageDigest.isEqual(one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
    }
}
