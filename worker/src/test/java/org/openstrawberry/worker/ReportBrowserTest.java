package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** The report in a real browser, where there is one: Chromium of the system, without a window. */
class ReportBrowserTest {
    private static final Path CHROMIUM = Path.of("/usr/bin/chromium");

    /** Works the page as a person at the keyboard does, and leaves in the page what is there to see. */
    private static final String PROBE = """
            <script>
            const broken = [];
            addEventListener('error', event => broken.push(event.message));
            addEventListener('securitypolicyviolation', event => broken.push(event.blockedURI));
            addEventListener('load', () => {
              const legend = () => document.querySelector('.plot .u-legend .u-value').textContent;
              const plot = document.querySelector('.plot');
              const press = key => plot.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true }));
              const seen = {};
              plot.focus();
              seen.focused = document.activeElement === plot;
              seen.newest = legend();
              press('Home');
              setTimeout(() => {
                seen.first = legend();
                press('ArrowRight');
                setTimeout(() => {
                  seen.second = legend();
                  document.getElementById('more').open = true;
                  setTimeout(() => {
                    seen.figures = document.querySelectorAll('#charts figure').length;
                    seen.drawn = document.querySelectorAll('#charts canvas').length;
                    seen.more = document.querySelectorAll('#more figure').length;
                    seen.scatter = document.querySelectorAll('#scatter canvas').length;
                    seen.unnamed = document.querySelectorAll('.plot:not([aria-label]), [role=region]:not([aria-label])').length;
                    seen.width = document.documentElement.scrollWidth;
                    seen.window = innerWidth;
                    seen.page = getComputedStyle(document.body).backgroundColor;
                    document.getElementById('theme').click();
                    seen.otherPage = getComputedStyle(document.body).backgroundColor;
                    seen.broken = broken;
                    document.body.dataset.seen = JSON.stringify(seen);
                  }, 50);
                }, 50);
              }, 50);
            });
            </script>
            """;

    private final Path folder;

    ReportBrowserTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void theReportIsDrawnAndWorkedByKeyboardOnAPhonesWidth() throws Exception {
        assumeTrue(Files.isExecutable(CHROMIUM), "no Chromium here");
        TinyRun run = new TinyRun(folder);
        assertThat(Said.by(run.train("run", "until.iterations=3")).code()).isZero();

        JsonNode seen = seen(run.directory("run").resolve("report.html"), 500);

        assertThat(seen.path("broken")).isEmpty();
        assertThat(seen.path("focused").asBoolean()).isTrue();
        assertThat(seen.path("newest").asText()).isEqualTo("3");
        assertThat(seen.path("first").asText()).isEqualTo("0");
        assertThat(seen.path("second").asText()).isEqualTo("1");
        assertThat(seen.path("figures").asInt())
                .isGreaterThan(10)
                .isEqualTo(seen.path("drawn").asInt());
        assertThat(seen.path("more").asInt()).isPositive();
        assertThat(seen.path("scatter").asInt()).isEqualTo(1);
        assertThat(seen.path("unnamed").asInt()).isZero();
        assertThat(seen.path("width").asInt())
                .as("nothing sticks out")
                .isLessThanOrEqualTo(seen.path("window").asInt());
        assertThat(seen.path("otherPage").asText())
                .isNotEqualTo(seen.path("page").asText());
    }

    private JsonNode seen(Path report, int width) throws IOException, InterruptedException {
        Path probed = folder.resolve("probed.html");
        Files.writeString(probed, Files.readString(report).replace("<body>", "<body>" + PROBE));
        File dom = folder.resolve("dom.html").toFile();
        Process browser = new ProcessBuilder(
                        CHROMIUM.toString(),
                        "--headless=new",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--user-data-dir=" + folder.resolve("profile"),
                        "--window-size=" + width + ",900",
                        "--virtual-time-budget=20000",
                        "--dump-dom",
                        probed.toUri().toString())
                .redirectOutput(dom)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            assertThat(browser.waitFor(2, TimeUnit.MINUTES)).isTrue();
        } finally {
            List<ProcessHandle> all = Stream.concat(browser.descendants(), Stream.of(browser.toHandle()))
                    .toList();
            all.forEach(ProcessHandle::destroyForcibly);
        }
        String page = Files.readString(dom.toPath(), StandardCharsets.UTF_8);
        Matcher seen = Pattern.compile("data-seen=\"([^\"]*)\"").matcher(page);
        assertThat(seen.find()).as("the page's script ran to its end").isTrue();
        return new ObjectMapper().readTree(seen.group(1).replace("&quot;", "\"").replace("&amp;", "&"));
    }
}
