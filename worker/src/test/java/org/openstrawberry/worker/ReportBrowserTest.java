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

    /** The same for the picture of a tree. */
    private static final String TREE_PROBE = """
            <script>
            const broken = [];
            addEventListener('error', event => broken.push(event.message));
            addEventListener('securitypolicyviolation', event => broken.push(event.blockedURI));
            addEventListener('load', () => {
              const steps = () => [...document.querySelectorAll('[role=treeitem]')];
              const press = key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
              const buttons = document.querySelectorAll('.thoughts-tools button');
              const seen = {};
              try {
              buttons[1].click();
              seen.closed = steps().length;
              steps()[0].focus();
              press('Enter');
              seen.opened = steps().length;
              seen.bands = document.querySelectorAll('.thoughts-canvas path').length;
              press('ArrowDown');
              seen.focused = document.activeElement.getAttribute('aria-label');
              steps()[0].click();
              seen.clicked = steps().length;
              buttons[0].click();
              seen.all = steps().length;
              seen.pairs = document.querySelectorAll('.thoughts-facts .plus').length;
              seen.unnamed = document.querySelectorAll('[role=treeitem]:not([aria-label])').length;
              seen.choices = document.querySelectorAll('#trees option').length;
              seen.width = document.documentElement.scrollWidth;
              seen.window = innerWidth;
              } catch (error) { broken.push(String(error)); }
              seen.broken = broken;
              document.body.dataset.seen = JSON.stringify(seen);
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

        JsonNode seen = seen(run.directory("run").resolve("report.html"), 500, PROBE);

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

    @Test
    void aTreeOpensStepByStepByClickAndByKeyboard() throws Exception {
        assumeTrue(Files.isExecutable(CHROMIUM), "no Chromium here");
        TinyRun run = new TinyRun(folder);
        assertThat(Said.by(run.train(
                                "run",
                                "until.iterations=1",
                                "data.held-out=null",
                                "sampling.branching=tree",
                                "sampling.tree.step-tokens=3"))
                        .code())
                .isZero();

        JsonNode seen = seen(run.directory("run").resolve("report.html"), 500, TREE_PROBE);

        assertThat(seen.path("broken")).isEmpty();
        assertThat(seen.path("closed").asInt()).as("the root alone").isEqualTo(1);
        int opened = seen.path("opened").asInt();
        assertThat(opened).as("by Enter").isGreaterThan(2);
        assertThat(seen.path("bands").asInt()).isEqualTo(opened - 1);
        assertThat(seen.path("focused").asText()).as("the arrow leads on").contains("step ");
        assertThat(seen.path("clicked").asInt()).as("by a click").isEqualTo(1);
        assertThat(seen.path("all").asInt()).isGreaterThan(opened);
        assertThat(seen.path("pairs").asInt()).isPositive();
        assertThat(seen.path("unnamed").asInt()).isZero();
        assertThat(seen.path("choices").asInt()).isGreaterThan(1);
        assertThat(seen.path("width").asInt())
                .as("nothing sticks out")
                .isLessThanOrEqualTo(seen.path("window").asInt());
    }

    private JsonNode seen(Path report, int width, String probe) throws IOException, InterruptedException {
        Path probed = folder.resolve("probed.html");
        Files.writeString(probed, Files.readString(report).replace("<body>", "<body>" + probe));
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
