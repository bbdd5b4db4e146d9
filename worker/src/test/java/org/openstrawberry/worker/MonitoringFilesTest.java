package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The files for Prometheus in {@code docs/monitoring}, by Prometheus's own tool. */
class MonitoringFilesTest {
    static final Path FOLDER = Path.of("..", "docs", "monitoring");

    @ParameterizedTest
    @ValueSource(strings = {"check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"})
    void promtoolFindsNothingWrong(String command) throws IOException, InterruptedException {
        assumeTrue(MonitoringPrograms.has("promtool"), "promtool is not installed (tools/test-programs/install)");
        assertDone("promtool " + command, FOLDER);
    }

    /** The files are not served anywhere by us, so only who hosts the docs can make links of the runbooks. */
    @Test
    void theGuidesCommandMakesAddressesOfTheRunbooks(@TempDir Path folder) throws IOException, InterruptedException {
        String guide = Files.readString(FOLDER.resolveSibling("monitoring.md"));
        String command = found("(?m)^(sed .*alerts.yml > alerts.yml)$", guide).get(0);
        Files.createDirectories(folder.resolve("docs/monitoring"));
        Files.copy(FOLDER.resolve("alerts.yml"), folder.resolve("docs/monitoring/alerts.yml"));

        assertDone(command, folder);

        String rules = Files.readString(folder.resolve("alerts.yml"));
        assertThat(found("runbook_url: (https://\\S+/docs/monitoring.md#\\S+)", rules))
                .hasSameSizeAs(found("alert: (\\w+)", rules));
        if (MonitoringPrograms.has("promtool")) {
            assertDone("promtool check rules alerts.yml", folder);
        }
    }

    private static void assertDone(String command, Path folder) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("bash", "-c", command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(said).isZero();
    }

    @Test
    void eachAlertHasATestAndAWayOutThatTheGuideHas() throws IOException {
        String rules = Files.readString(FOLDER.resolve("alerts.yml"));
        String tests = Files.readString(FOLDER.resolve("alerts_test.yml"));
        String guide = Files.readString(FOLDER.resolveSibling("monitoring.md"));
        List<String> anchors = guide.lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("^#+ ", "")
                        .toLowerCase(java.util.Locale.ROOT)
                        .replaceAll("[^a-z0-9 -]", "")
                        .replace(' ', '-'))
                .toList();

        for (String alert : found("alert: (\\w+)", rules)) {
            assertThat(tests).contains("alertname: " + alert);
        }
        List<String> ways = found("runbook: docs/monitoring.md#(\\S+)", rules);
        assertThat(ways).hasSameSizeAs(found("alert: (\\w+)", rules));
        assertThat(anchors).containsAll(ways);
    }

    static List<String> found(String pattern, String text) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map(result -> result.group(1))
                .collect(Collectors.toList());
    }
}
