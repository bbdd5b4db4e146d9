package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Code in the docs is the code that compiles and is tested. */
class DocsTest {
    private static final Pattern SHOWN = Pattern.compile("<!-- (\\w+) -->\n```java\n(.*?)```\n", Pattern.DOTALL);
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

    private static Map<String, String> byName(Pattern pattern, Path file) throws IOException {
        Map<String, String> texts = new TreeMap<>();
        for (MatchResult match :
                pattern.matcher(Files.readString(file)).results().toList()) {
            texts.put(match.group(1), match.group(2).stripTrailing().stripIndent());
        }
        return texts;
    }
}
