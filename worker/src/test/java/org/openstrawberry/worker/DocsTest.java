package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Code in the docs is the code that compiles, links lead somewhere, and messages are those that the program has. */
class DocsTest {
    private static final Pattern SHOWN = Pattern.compile("<!-- (\\w+) -->\n```java\n(.*?)```\n", Pattern.DOTALL);
    private static final Pattern LINK = Pattern.compile("(?<!`)\\[[^\\]]*]\\(([^)\\s]+)\\)");
    private static final Pattern REGION =
            Pattern.compile(" *// tag::(\\w+)\\[]\n(.*?) *// end::\\1\\[]\n", Pattern.DOTALL);

    @Test
    void theClientsPageShowsTheExample() throws IOException {
        Map<String, String> shown = byName(SHOWN, Path.of("..", "docs", "client.md"));

        assertThat(shown).isNotEmpty();
        assertThat(shown)
                .isEqualTo(byName(
                        REGION, Path.of("src/test/java/org/openstrawberry/worker/examples", "TrainFromCode.java")));
    }

    @Test
    void everyLinkWithinTheProjectLeadsToAFileAndAHeading() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Markdown page : Markdown.all()) {
            for (Markdown.Line line : page.prose()) {
                for (MatchResult link : LINK.matcher(line.text()).results().toList()) {
                    String target = link.group(1);
                    if (!target.matches("[a-z]+:.*") && !leadsSomewhere(page, target)) {
                        broken.add(page + ":" + line.number() + ": " + target);
                    }
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    private static boolean leadsSomewhere(Markdown page, String target) {
        String path = target.replaceFirst("#.*", "");
        Path file =
                path.isEmpty() ? page.file() : page.file().resolveSibling(path).normalize();
        if (!Files.exists(file)) {
            return false;
        }
        if (!target.contains("#") || !file.toString().endsWith(".md")) {
            return true;
        }
        return headings(Markdown.read(file)).contains(target.replaceFirst(".*#", ""));
    }

    /** As GitHub names them. */
    private static Set<String> headings(Markdown page) {
        return page.prose().stream()
                .filter(line -> line.text().matches("#+ .*"))
                .map(line -> line.text()
                        .replaceFirst("#+ ", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    /** A site that needs no network has no script that draws them; GitHub has one, so the front page may. */
    @Test
    void noPageOfTheSiteHasADiagramThatAScriptDraws() throws IOException {
        assertThat(Markdown.all().stream()
                        .filter(page -> page.file().startsWith(Path.of("..", "docs")))
                        .flatMap(page -> page.blocks().stream()))
                .noneMatch(block -> block.language().equals("mermaid"));
    }

    /** What is between the … of a quoted message stands in the program's text, or in the launcher's. */
    @Test
    void everyMessageOfTheFaqIsOneThatTheProgramHas() throws IOException {
        String sources = sources();
        List<String> unknown = new ArrayList<>();
        for (Markdown.Block block :
                Markdown.read(Path.of("..", "docs", "faq.md")).blocks()) {
            if (!block.comment().startsWith("said by ")) {
                block.text()
                        .lines()
                        .forEach(message -> Stream.of(message.split("…", -1))
                                .map(part -> part.replaceAll("^[.:)(;, ]+|[.:)(;, ]+$", ""))
                                .filter(part -> !sources.contains(part))
                                .forEach(part -> unknown.add((block.line() + 1) + ": " + part)));
            }
        }
        assertThat(unknown).isEmpty();
    }

    /** Literals that are put together count as one, and so do those with a value between them that is a constant. */
    private static String sources() throws IOException {
        StringBuilder text = new StringBuilder(Files.readString(Path.of("..", "strawberry")));
        try (Stream<Path> files = Files.find(
                Path.of(".."), 20, (file, attributes) -> file.toString().matches(".*/src/main/java/.*\\.java"))) {
            for (Path file : files.toList()) {
                text.append(Files.readString(file)
                        .replaceAll("\"\\s*\\+\\s*\"", "")
                        .replace("\\\"", "\"")
                        .replace("%.0f", ""));
            }
        }
        return text.toString();
    }

    private static Map<String, String> byName(Pattern pattern, Path file) throws IOException {
        Map<String, String> texts = new TreeMap<>();
        for (MatchResult match :
                pattern.matcher(Files.readString(file)).results().toList()) {
            texts.put(match.group(1), match.group(2).stripTrailing().stripIndent());
        }
        return texts;
    }
}
