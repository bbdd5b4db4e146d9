package org.openstrawberry.worker;

import java.util.stream.Collectors;
import org.apache.commons.text.WordUtils;
import picocli.CommandLine.Model.UsageMessageSpec;

/** Sentences for a person at a terminal, which by itself breaks its lines in the middle of words. */
final class TerminalText {
    private TerminalText() {}

    /** In lines as wide as the terminal; as it is where this process has none. */
    static String wrapped(String text) {
        return System.console() == null
                ? text
                : wrapped(text, new UsageMessageSpec().autoWidth(true).width());
    }

    /** In lines of so many columns, broken at spaces only: a path or an option that is longer stays whole. */
    static String wrapped(String text, int columns) {
        return text.lines()
                .map(line -> WordUtils.wrap(line, columns, "\n", false))
                .collect(Collectors.joining("\n"));
    }
}
