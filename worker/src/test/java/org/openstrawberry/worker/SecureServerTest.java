package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.InsecureServerCredentials;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.TlsServerCredentials.ClientAuth;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TestProcesses.Outcome;

/** A server that demands TLS with client certificates, and one that is given an API key. */
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
class SecureServerTest {
    @TempDir
    private static Path folder = Path.of("");

    private static TestCertificates certificates = new TestCertificates(folder);
    private static TestProcesses processes = new TestProcesses(folder);

    @BeforeAll
    static void start() throws Exception {
        certificates = new TestCertificates(folder);
        certificates.authority("authority");
        certificates.certificate("server", "authority");
        certificates.certificate("client", "authority");
        certificates.authority("other-authority");
        certificates.certificate("stranger", "other-authority");
        processes = new TestProcesses(folder);
        processes.startServer();
    }

    @AfterAll
    static void end() {
        processes.close();
    }

    @Test
    void aRunWorksOverClientCertificatesOfTheEnvironment() throws Exception {
        TinyRun run = new TinyRun(folder);
        try (TlsProxy server = new TlsProxy(clientCertificates(), processes.server())) {
            Map<String, String> environment = environment(server, "client", "authority");
            processes.start("worker", TestProcesses.ours(List.of("worker")), environment);
            List<String> start = new ArrayList<>(run.train("run"));
            start.set(0, "start");
            start.addAll(List.of("--id", "run"));
            Outcome started = TestProcesses.strawberry(environment, start.toArray(String[]::new));
            assertThat(started.exitCode()).as(started.output()).isZero();
            Outcome result = TestProcesses.strawberry(environment, "result", "run");
            assertThat(result.output()).contains("6 iterations done");
            assertThat(result.exitCode()).isZero();
        }
    }

    @Test
    void aProfileHoldsTheCertificates() throws Exception {
        try (TlsProxy server = new TlsProxy(clientCertificates(), processes.server())) {
            Path file = folder.resolve("temporal.toml");
            Files.writeString(file, """
                    [profile.production]
                    address = "%s"
                    namespace = "default"
                    [profile.production.tls]
                    server_ca_cert_path = "%s"
                    client_cert_path = "%s"
                    client_key_path = "%s"
                    """.formatted(
                            server.address(),
                            certificates.pem("authority"),
                            certificates.pem("client"),
                            certificates.key("client")));
            Map<String, String> environment = Map.of("TEMPORAL_CONFIG_FILE", file.toString());

            assertThat(TestProcesses.strawberry(environment, "list", "--profile", "production")
                            .exitCode())
                    .isZero();
            assertRefused(TestProcesses.strawberry(environment, "list", "--profile", "staging"), "profile", "staging");
        }
    }

    @Test
    void withoutAClientCertificateOrWithAStrangersItSaysSo() throws Exception {
        try (TlsProxy server = new TlsProxy(clientCertificates(), processes.server())) {
            Map<String, String> none = environment(server, "client", "authority");
            none.remove("TEMPORAL_TLS_CLIENT_CERT_PATH");
            none.remove("TEMPORAL_TLS_CLIENT_KEY_PATH");
            assertRefused(list(none), server.address(), "client certificate");
            assertRefused(list(environment(server, "stranger", "authority")), server.address(), "client certificate");
        }
    }

    @Test
    void aServerOfAnotherAuthorityIsNotTrusted() throws Exception {
        try (TlsProxy server = new TlsProxy(clientCertificates(), processes.server())) {
            assertRefused(
                    list(environment(server, "client", "other-authority")),
                    server.address(),
                    "TEMPORAL_TLS_SERVER_CA_CERT_PATH");
        }
    }

    @Test
    void tlsOnOneSideOnlyIsNamed() throws Exception {
        try (TlsProxy server = new TlsProxy(clientCertificates(), processes.server())) {
            assertRefused(list(Map.of("TEMPORAL_ADDRESS", server.address())), server.address(), "TLS");
        }
        assertRefused(
                list(Map.of("TEMPORAL_ADDRESS", processes.server(), "TEMPORAL_TLS", "true")),
                processes.server(),
                "without TLS");
    }

    @Test
    void aCertificateThatIsNotThereIsNamed() throws Exception {
        Path missing = folder.resolve("missing.pem");
        assertRefused(
                list(Map.of(
                        "TEMPORAL_TLS_CLIENT_CERT_PATH", missing.toString(),
                        "TEMPORAL_TLS_CLIENT_KEY_PATH",
                                certificates.key("client").toString())),
                missing.toString());
    }

    @Test
    void anApiKeyIsSentWithEveryCall() throws Exception {
        try (TlsProxy server = new TlsProxy(serverCertificate(ClientAuth.NONE), processes.server())) {
            Outcome outcome = list(Map.of(
                    "TEMPORAL_ADDRESS", server.address(),
                    "TEMPORAL_API_KEY", "a-key",
                    "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
                            certificates.pem("authority").toString()));
            assertThat(outcome.exitCode()).isZero();
            assertThat(server.authorizations()).isNotEmpty().containsOnly("Bearer a-key");
        }
    }

    @Test
    void anApiKeyIsNotSentInTheClear() throws Exception {
        try (TlsProxy server = new TlsProxy(InsecureServerCredentials.create(), processes.server())) {
            assertRefused(
                    list(Map.of("TEMPORAL_ADDRESS", server.address(), "TEMPORAL_API_KEY", "a-key")),
                    server.address(),
                    "without TLS");
            assertThat(server.authorizations()).isEmpty();
        }
    }

    @Test
    void searchAttributesThatWeMayNotRegisterAreNamed() throws Exception {
        processes.tool("operator", "namespace", "create", "--namespace", "bare");
        try (TlsProxy server = new TlsProxy(InsecureServerCredentials.create(), processes.server())) {
            server.refuse("temporal.api.operatorservice.v1.OperatorService/AddSearchAttributes");
            assertRefused(
                    list(Map.of("TEMPORAL_ADDRESS", server.address(), "TEMPORAL_NAMESPACE", "bare")),
                    server.address(),
                    "not allowed",
                    "search-attribute create --namespace bare",
                    "--name StrawberryPhase --type Keyword");
        }
    }

    @Test
    void whatAConnectionLacksIsNamed() {
        assertRefused(list(Map.of("TEMPORAL_ADDRESS", "127.0.0.1")), "127.0.0.1", "HOST:PORT");
        assertRefused(list(Map.of("TEMPORAL_ADDRESS", "absent.invalid:7233")), "absent.invalid:7233");
        assertRefused(list(Map.of("TEMPORAL_ADDRESS", "127.0.0.1:70000")), "127.0.0.1:70000", "HOST:PORT");
        assertRefused(
                list(Map.of("TEMPORAL_ADDRESS", processes.server(), "TEMPORAL_NAMESPACE", "absent")),
                processes.server(),
                "no namespace absent",
                "namespace create");
    }

    private static Outcome list(Map<String, String> environment) {
        return TestProcesses.strawberry(environment, "list");
    }

    /** One line that says it all, and the exit code of bad input. */
    private static void assertRefused(Outcome outcome, String... parts) {
        assertThat(outcome.output().lines()).hasSize(1);
        assertThat(outcome.output()).contains(parts);
        assertThat(outcome.exitCode()).isEqualTo(Main.BAD_INPUT);
    }

    private static Map<String, String> environment(TlsProxy server, String client, String authority) {
        return new HashMap<>(Map.of(
                "TEMPORAL_ADDRESS",
                server.address(),
                "TEMPORAL_TLS_CLIENT_CERT_PATH",
                certificates.pem(client).toString(),
                "TEMPORAL_TLS_CLIENT_KEY_PATH",
                certificates.key(client).toString(),
                "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
                certificates.pem(authority).toString()));
    }

    private static ServerCredentials clientCertificates() throws IOException {
        return serverCertificate(ClientAuth.REQUIRE);
    }

    private static ServerCredentials serverCertificate(ClientAuth clients) throws IOException {
        return TlsServerCredentials.newBuilder()
                .keyManager(
                        certificates.pem("server").toFile(),
                        certificates.key("server").toFile())
                .trustManager(certificates.pem("authority").toFile())
                .clientAuth(clients)
                .build();
    }
}
