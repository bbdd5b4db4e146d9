package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.JavascriptExecutor;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;
import org.openqa.selenium.support.ui.WebDriverWait;

/** The live page in a real browser, beside a run that trains: Debian's Chromium, without a window. */
class LivePageBrowserTest {
    private static final Path CHROMIUM = Path.of("/usr/bin/chromium");
    private static final Path DRIVER = Path.of("/usr/bin/chromedriver");
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    /** Held, since a logger that nobody holds may forget its level: it warns of what no test uses. */
    private static final Logger SELENIUM = Logger.getLogger("org.openqa.selenium.devtools");

    private static final String INJECTED = "<script>window.owned=1</script><img src=x onerror=owned=1>";

    private final Path folder;
    private final TinyRun tiny;

    @Nullable private PageRun run;

    @Nullable private ChromeDriver browser;

    LivePageBrowserTest(@TempDir Path folder) {
        this.folder = folder;
        tiny = new TinyRun(folder);
    }

    @BeforeEach
    void start() throws Exception {
        assumeTrue(Files.isExecutable(CHROMIUM), "no Chromium at " + CHROMIUM);
        assumeTrue(Files.isExecutable(DRIVER), "no driver of Chromium at " + DRIVER);
        SELENIUM.setLevel(Level.SEVERE);
        // A token that no text has, but that an untrained policy writes: its text is a script.
        Path tokenizer = folder.resolve("letter-count/base/tokenizer.json");
        ObjectMapper json = new ObjectMapper();
        String text = Files.readString(tokenizer);
        assertThat(text).contains("\",\"");
        Files.writeString(tokenizer, text.replaceFirst("\",\"( ?: ?\\d+)", json.writeValueAsString(INJECTED) + "$1"));
        run = new PageRun(tiny.train("run", "until.iterations=1000", "health.reward-spread-below=10.0"));
        browser = open(1200);
        browser().get(run().url().toString());
    }

    @AfterEach
    void stop() throws Exception {
        if (browser != null) {
            browser.quit();
        }
        if (run != null) {
            run.close();
        }
    }

    private PageRun run() {
        if (run == null) {
            throw new IllegalStateException("not started");
        }
        return run;
    }

    private ChromeDriver browser() {
        if (browser == null) {
            throw new IllegalStateException("not started");
        }
        return browser;
    }

    private ChromeDriver open(int width) throws IOException {
        LoggingPreferences logs = new LoggingPreferences();
        logs.enable(LogType.BROWSER, Level.ALL);
        logs.enable(LogType.PERFORMANCE, Level.ALL);
        ChromeOptions options = new ChromeOptions();
        options.setBinary(CHROMIUM.toFile());
        options.setCapability("goog:loggingPrefs", logs);
        options.addArguments(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--force-prefers-reduced-motion", // clicks don't wait for smooth scrolling
                "--window-size=" + width + ",900",
                "--user-data-dir=" + Files.createTempDirectory(folder, "profile"));
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(DRIVER.toFile())
                .build();
        return new ChromeDriver(service, options);
    }

    @Test
    void aRunIsSeenGrowingLookedIntoAndSteered() throws Exception {
        // It grows.
        wait("curves", () -> count("#charts canvas") > 8);
        wait("an iteration", () -> iteration() >= 3);
        int before = iteration();
        wait("further ones", () -> iteration() > before + 1 && drawnTo() > before + 1);
        wait("figures", () -> count("#figures .tile") > 3);
        wait("thoughts", () -> count("#thoughts li") > 10);

        // What is unhealthy is said with its way out.
        assertThat(find("#health").isDisplayed()).isTrue();
        assertThat(text("#warnings")).contains("below health.reward-spread-below 10", "take harder or easier prompts");

        // It pauses, and its settings are adjusted.
        press("pause");
        wait("the pause", () -> text("#state").equals("paused"));
        adjust("dpo.beta=-1");
        wait("a refusal", () -> text("#told").contains("dpo.beta: must be > 0"));
        assertThat(find("#told").getDomAttribute("class")).isEqualTo("bad");
        assertThat(find("#change").getDomProperty("value")).isEqualTo("dpo.beta=-1");
        adjust("dpo.beta=0.3");
        wait("the adjustment", () -> text("#told").equals("From the next iteration on: dpo.beta = 0.3."));

        // An iteration, a prompt, a pair. Later iterations, which a slow browser may be shown, are all right or all
        // wrong.
        script("const i = document.getElementById('iteration'); i.value = 1; i.dispatchEvent(new Event('change'));");
        wait("the first iteration", () -> browser().getCurrentUrl().contains("#i=1"));
        assertThat(count("#prompts button")).isEqualTo(6);
        WebElement withPairs = browser().findElements(By.cssSelector("#prompts button")).stream()
                .filter(button ->
                        !String.valueOf(button.getDomProperty("textContent")).contains("0 pairs"))
                .findFirst()
                .orElseThrow();
        withPairs.click();
        wait("branches", () -> count(".branch") == 6);
        assertThat(text(".branch h4")).contains("rank 1", "reward");
        wait("its pairs", () -> count("[data-pair='1']") == 1); // those of the prompt before may be there still
        find("[data-pair='1']").click();
        wait("the pair", () -> count(".branch") == 2);
        assertThat(text(".branches")).contains("chosen in pair 1", "rejected in pair 1");
        String iteration = String.valueOf(find("#iteration").getDomProperty("value"));
        assertThat(browser().getCurrentUrl())
                .endsWith("#i=" + iteration + "&p=" + withPairs.getDomAttribute("data-prompt") + "&pair=1");

        // Its tokens are coloured, and are read by pointer and keys.
        assertThat(count(".branch .t.up") + count(".branch .t.down")).isGreaterThan(4);
        WebElement tokens = find(".tokens");
        tokens.sendKeys(Keys.ARROW_RIGHT);
        assertThat(text(".read")).contains("token 1", "policy −", "reference −", "difference");
        tokens.sendKeys(Keys.END);
        assertThat(count(".t.at")).isEqualTo(1);
        browser()
                .executeScript(
                        "const s = document.getElementById('colour'); s.value = 'policy'; s.dispatchEvent(new Event('change'));");
        assertThat(count(".branch .t.one")).isGreaterThan(4);

        // It goes on, and after a reload everything is there again.
        press("resume");
        int paused = iteration();
        wait("it to go on", () -> iteration() > paused + 1);
        browser().navigate().refresh();
        wait("the pair of the address", () -> count(".branch") == 2);
        wait("the new β", () -> ((Number) lastOf("beta")).doubleValue() == 0.3);

        // What a policy writes stays text.
        assertThat(run().json("/iterations/1/prompts/0").toString()).doesNotContain("error");
        find("#newest").click();
        wait(
                "a script among the thoughts",
                () -> browser().findElements(By.cssSelector("#thoughts .said")).stream()
                        .anyMatch(said -> said.getText().contains("<script>window.owned=1</script>")));
        assertThat(script("return window.owned === undefined && !document.querySelector('main img')"))
                .isEqualTo(true);

        // To stop asks first.
        press("stop");
        assertThat(find("#sure").isDisplayed()).isTrue();
        browser().switchTo().activeElement().sendKeys(Keys.ENTER);
        wait("the question to go", () -> !find("#sure").isDisplayed());
        assertThat(text("#state")).isEqualTo("running");
        press("stop");
        find("#surely").click();
        wait("the end", () -> text("#state").equals("done"));
        assertThat(run().code()).isZero();
        assertThat(text("#standing")).contains("stopped by request");
        wait("the goodbye", () -> text("#connection").startsWith("The run is over"));

        assertThat(errors()).isEmpty();
        assertThat(foreignRequests()).isEmpty();
    }

    @Test
    void itIsWorkedByKeysAloneOnAPhonesWidthInTheDark() throws Exception {
        browser()
                .executeCdpCommand(
                        "Emulation.setEmulatedMedia",
                        Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", "dark"))));
        browser()
                .executeCdpCommand(
                        "Emulation.setDeviceMetricsOverride",
                        Map.of("width", 390, "height", 844, "deviceScaleFactor", 1, "mobile", true));
        wait("thoughts", () -> count("#thoughts li") > 10 && count("#charts canvas") > 8);
        press("pause");
        wait("the pause", () -> text("#state").equals("paused"));
        wait("prompts", () -> count("#prompts button") == 6);
        find("#prompts button").click();
        wait("branches", () -> count(".branch") == 6);

        assertThat(script("return document.documentElement.scrollWidth <= innerWidth"))
                .isEqualTo(true);
        assertThat(String.valueOf(script("return getComputedStyle(document.body).backgroundColor")))
                .isEqualTo("rgb(20, 22, 26)");
        assertThat(
                        script(
                                "return [...document.querySelectorAll('button, input, select, [tabindex=\"0\"]')]"
                                        + ".filter(e => e.offsetParent && !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"))
                .as("controls without a name")
                .isEqualTo(0L);

        browser().executeScript("document.querySelector('.skip').focus();");
        List<String> reached = new ArrayList<>();
        for (int i = 0; i < 100 && !reached.contains("newest"); i++) {
            WebElement focused = tab();
            reached.add(String.valueOf(focused.getDomAttribute("id")));
            if (reached.get(i).equals("resume")) {
                assertThat(focused.getCssValue("outline-style")).isEqualTo("solid");
            }
        }
        assertThat(reached)
                .containsSubsequence("theme", "resume", "stop", "change", "send", "earlier", "iteration", "newest");

        find("#resume").sendKeys(Keys.ENTER);
        wait("it to go on", () -> text("#state").equals("running"));
        assertThat(browser().switchTo().activeElement().getDomAttribute("id"))
                .as("the focus is handed on")
                .isEqualTo("pause");
        assertThat(errors()).isEmpty();
    }

    private WebElement tab() {
        browser().switchTo().activeElement().sendKeys(Keys.TAB);
        return browser().switchTo().activeElement();
    }

    /** Something that comes true of the page; elements may be replaced while it is looked at. */
    private interface Sight {
        boolean holds() throws Exception;
    }

    private void wait(String what, Sight sight) {
        new WebDriverWait(browser(), PATIENCE)
                .withMessage(() -> what + "; the page says: "
                        + script("return ['iterations', 'progress', 'warnings'].map(id =>"
                                + " document.getElementById(id).innerText.slice(0, 2000)).join('; ')")
                        + errors())
                .ignoring(RuntimeException.class)
                .until(driver -> {
                    try {
                        return sight.holds();
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                });
    }

    private @Nullable Object script(String text) {
        return ((JavascriptExecutor) browser()).executeScript(text);
    }

    private int count(String selector) {
        return browser().findElements(By.cssSelector(selector)).size();
    }

    private WebElement find(String selector) {
        return browser().findElement(By.cssSelector(selector));
    }

    private String text(String selector) {
        return find(selector).getText();
    }

    private void press(String id) {
        wait(id, () -> find("#" + id).isEnabled());
        find("#" + id).click();
    }

    private void adjust(String change) {
        find("#change").clear();
        find("#change").sendKeys(change, Keys.ENTER);
    }

    private int iteration() {
        String words = text("#standing");
        return words.startsWith("iteration ") ? Integer.parseInt(words.split(" ", -1)[1]) : -1;
    }

    /** The iteration that the first chart's legend reads. */
    private int drawnTo() {
        return Integer.parseInt(text("#charts .plot .u-legend .u-value").replace(",", ""));
    }

    private Object lastOf(String metric) throws IOException, InterruptedException {
        JsonNode column = run().json("/curves").at("/runs/0/columns").path(metric);
        return column.path(column.size() - 1).doubleValue();
    }

    private List<String> errors() {
        return browser().manage().logs().get(LogType.BROWSER).getAll().stream()
                .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
                .map(LogEntry::getMessage)
                // Once the process is gone, the page looks now and then whether it is served again.
                .filter(message -> !message.contains("net::ERR_CONNECTION_REFUSED"))
                .filter(message -> !message.matches(".*/adjust - Failed to load resource: .* 400 .*"))
                .toList();
    }

    private List<String> foreignRequests() throws IOException {
        URI own = run().url();
        List<String> foreign = new ArrayList<>();
        ObjectMapper json = new ObjectMapper();
        int requests = 0;
        for (LogEntry entry : browser().manage().logs().get(LogType.PERFORMANCE).getAll()) {
            JsonNode message = json.readTree(entry.getMessage()).path("message");
            if (message.path("method").asText().equals("Network.requestWillBeSent")) {
                requests++;
                String url = message.at("/params/request/url").asText();
                if (url.matches("(http|ws|ftp)s?:.*") && !url.startsWith(own.toString())) {
                    foreign.add(url);
                }
            }
        }
        assertThat(requests).isGreaterThan(10);
        return foreign;
    }
}
