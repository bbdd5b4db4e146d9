package org.openstrawberry.worker.live;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openstrawberry.config.InvalidInputException;

/**
 * Where a process listens.
 *
 * @param host a name or an address; IPv6 without brackets
 * @param port 0 for any that is free
 */
public record ListenAddress(String host, int port) {
    private static final String LOCAL = "127.0.0.1";
    private static final Pattern ADDRESS =
            Pattern.compile("(?:(?:\\[(?<v6>[^\\]]+)]|(?<host>[^:\\[\\]]+)):)?(?<port>[0-9]{1,5})");

    /** Whether a text could be one. */
    static boolean looksLikeOne(String text) {
        return ADDRESS.matcher(text).matches();
    }

    /**
     * Reads {@code PORT} or {@code HOST:PORT}.
     *
     * @param option names it in errors
     * @param text empty for the default
     * @throws InvalidInputException if it is neither, or no such host is known
     */
    public static ListenAddress parse(String option, String text, int defaultPort) {
        if (text.isEmpty()) {
            return new ListenAddress(LOCAL, defaultPort);
        }
        Matcher parts = ADDRESS.matcher(text);
        if (!parts.matches() || Integer.parseInt(parts.group("port")) > 65_535) {
            throw new InvalidInputException(
                    option + ": found \"" + text + "\", expected a port or HOST:PORT, such as " + defaultPort);
        }
        String host = Optional.ofNullable(parts.group("v6"))
                .or(() -> Optional.ofNullable(parts.group("host")))
                .orElse(LOCAL);
        ListenAddress address = new ListenAddress(host, Integer.parseInt(parts.group("port")));
        try {
            address.resolved();
        } catch (UnknownHostException e) {
            throw new InvalidInputException(option + ": " + host + ": no such host", e);
        }
        return address;
    }

    private InetAddress resolved() throws UnknownHostException {
        return InetAddress.getByName(host);
    }

    /** Whether only this machine can reach it. */
    boolean isLocal() {
        try {
            return resolved().isLoopbackAddress();
        } catch (UnknownHostException e) {
            return false;
        }
    }

    /** As it stands in a URL; of an address that means all of this machine's, its name. */
    String inUrl(int boundPort) {
        String name = host;
        try {
            if (resolved().isAnyLocalAddress()) {
                name = InetAddress.getLocalHost().getHostName();
            }
        } catch (UnknownHostException e) {
            name = host;
        }
        return (name.contains(":") ? "[" + name + "]" : name) + ":" + boundPort;
    }

    @Override
    public String toString() {
        return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }
}
