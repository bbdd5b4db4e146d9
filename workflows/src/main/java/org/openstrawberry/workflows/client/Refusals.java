package org.openstrawberry.workflows.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.enums.v1.IndexedValueType;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openstrawberry.config.InvalidInputException;

/** Why a server can't be used, in one line: what failed, on which server, and what is expected. */
final class Refusals {
    /** How TLS libraries report that the other side, the server, didn't like our certificate. */
    private static final Pattern ALERT =
            Pattern.compile("alert.*(certificate|unknown_ca|access_denied)", Pattern.CASE_INSENSITIVE);

    private static final String TRUST = "expected its authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH"
            + " (server_ca_cert_path of a profile), or one that this Java trusts";
    private static final String CERTIFICATE = "expected one that it trusts in TEMPORAL_TLS_CLIENT_CERT_PATH and"
            + " TEMPORAL_TLS_CLIENT_KEY_PATH (client_cert_path and client_key_path of a profile)";

    private Refusals() {}

    /** The first read failed. */
    static InvalidInputException unreachable(String server, String namespace, StatusRuntimeException e) {
        return new InvalidInputException(server + ": " + reason(namespace, e), e);
    }

    /** The runs' search attributes are missing, and the server won't have us register them. */
    static InvalidInputException unregistered(
            String server, String namespace, Map<String, IndexedValueType> missing, StatusRuntimeException e) {
        String options = new TreeMap<>(missing)
                .entrySet().stream()
                        .map(attribute -> " --name " + attribute.getKey() + " --type " + type(attribute.getValue()))
                        .collect(Collectors.joining());
        return new InvalidInputException(
                server + ": search attributes are missing in the namespace " + namespace
                        + ", and the server refuses to register them (" + words(e)
                        + "); let someone who may run: temporal operator search-attribute create --namespace "
                        + namespace + options,
                e);
    }

    private static String reason(String namespace, StatusRuntimeException e) {
        Status.Code code = e.getStatus().getCode();
        if (code == Status.Code.NOT_FOUND) {
            return "the server has no namespace " + namespace + "; temporal operator namespace create --namespace "
                    + namespace + " makes it";
        }
        if (code == Status.Code.UNAUTHENTICATED || code == Status.Code.PERMISSION_DENIED) {
            return "the server refuses the namespace " + namespace + " (" + words(e)
                    + "); expected an API key in TEMPORAL_API_KEY (api_key of a profile), or a client certificate,"
                    + " that is good for it";
        }
        return causes(e)
                .flatMap(cause -> handshake(cause).stream())
                .findFirst()
                .orElseGet(() -> "no Temporal server answers there for the namespace " + namespace + " (" + words(e)
                        + "); expected one that runs, as ./strawberry server starts it");
    }

    private static Optional<String> handshake(Throwable cause) {
        String message = String.valueOf(cause.getMessage());
        // gRPC's own classes are shaded: their names, but not their types, are there for us.
        if (cause.getClass().getSimpleName().equals("NotSslRecordException")) {
            return Optional.of(
                    "the server answers without TLS, but client certificates, an API key or TEMPORAL_TLS turn"
                            + " it on here; expected a server with TLS, or TEMPORAL_TLS=false");
        }
        if (ALERT.matcher(message).find()) {
            return Optional.of("the server demands a client certificate and was given none, or not one of its own; "
                    + CERTIFICATE);
        }
        if (message.startsWith("No subject alternative") || message.startsWith("No name matching")) {
            return Optional.of("the server's certificate is for another name (" + message
                    + "); expected that name in TEMPORAL_TLS_SERVER_NAME (server_name of a profile)");
        }
        if (message.startsWith("PKIX path")) {
            return Optional.of("the server's certificate is of an authority that isn't trusted here; " + TRUST);
        }
        if (message.contains("Network closed for unknown reason") || message.contains("Connection reset")) {
            return Optional.of("the connection was closed at once, as servers do that demand TLS; " + TRUST
                    + ", and where the server demands a client certificate, " + CERTIFICATE);
        }
        return Optional.empty();
    }

    /** A status and the innermost cause, which is the one that says something. */
    private static String words(StatusRuntimeException e) {
        String description = Optional.ofNullable(e.getStatus().getDescription())
                .map(text -> ": " + text.lines().findFirst().orElse(""))
                .orElse("");
        String innermost = causes(e)
                .skip(1)
                .reduce((outer, inner) -> inner)
                .map(cause -> ": " + cause.getMessage())
                .orElse("");
        return e.getStatus().getCode() + description + innermost;
    }

    private static Stream<Throwable> causes(Throwable e) {
        return Stream.iterate(e, cause -> cause != null, Throwable::getCause);
    }

    /** INDEXED_VALUE_TYPE_KEYWORD is Keyword to the command line. */
    private static String type(IndexedValueType type) {
        String name = type.name().replace("INDEXED_VALUE_TYPE_", "");
        return name.charAt(0) + name.substring(1).toLowerCase(Locale.ROOT);
    }
}
