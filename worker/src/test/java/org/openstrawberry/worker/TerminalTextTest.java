package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TerminalTextTest {
    private static final String WARNING =
            "warning, iteration 12: the KL is 31.5 nats, above health.kl-above (20); a higher dpo.beta keeps the policy"
                    + " nearer to its reference: ./strawberry fork /data/runs/a-name-that-is-longer-than-any-line --set"
                    + " dpo.beta=0.3";

    @Test
    void linesEndAtSpacesAndWordsStayWhole() {
        String wrapped = TerminalText.wrapped(WARNING, 40);

        assertThat(wrapped.replace('\n', ' ')).isEqualTo(WARNING);
        assertThat(wrapped.lines()).hasSizeGreaterThan(5).allMatch(line -> line.length() <= 40 || !line.contains(" "));
    }

    @Test
    void linesThatArePartedStayParted() {
        assertThat(TerminalText.wrapped("first\nsecond", 40)).isEqualTo("first\nsecond");
    }
}
