package org.openstrawberry.activities.rewards;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds the answer within a completion. Pure functions. */
final class Answers {
    private static final String BOX = "\\boxed{";
    private static final Pattern NUMBER = Pattern.compile("[-+]?\\d+(?:,\\d{3})*(?:\\.\\d+)?");
    private static final Pattern FRACTION =
            Pattern.compile("([-+]?)\\\\[dt]?frac\\{(" + NUMBER + ")}\\{(" + NUMBER + ")}");
    private static final Pattern RATIO = Pattern.compile("(" + NUMBER + ")/(" + NUMBER + ")");
    private static final String FENCE = "```";

    private Answers() {}

    /** What stands in the last {@code \boxed{…}}, inner braces included; empty without one that is closed. */
    static Optional<String> boxed(String completion) {
        int start = completion.lastIndexOf(BOX);
        if (start < 0) {
            return Optional.empty();
        }
        int open = 1;
        int from = start + BOX.length();
        for (int i = from; i < completion.length(); i++) {
            char at = completion.charAt(i);
            open += at == '{' ? 1 : at == '}' ? -1 : 0;
            if (open == 0) {
                return Optional.of(completion.substring(from, i));
            }
        }
        return Optional.empty();
    }

    /** The last number of a text. */
    static Optional<BigDecimal> lastNumber(String text) {
        return NUMBER.matcher(text)
                .results()
                .map(found -> number(found.group()))
                .reduce((a, b) -> b);
    }

    /** The number that a text begins with. */
    static Optional<BigDecimal> firstNumber(String text) {
        Matcher matcher = NUMBER.matcher(text);
        return matcher.lookingAt() ? Optional.of(number(matcher.group())) : Optional.empty();
    }

    /** The number that a text is. */
    static Optional<BigDecimal> wholeNumber(String text) {
        return NUMBER.matcher(text).matches() ? Optional.of(number(text)) : Optional.empty();
    }

    /** The number in a box: as it is written in mathematics, maybe as a fraction; else the last one. */
    static Optional<BigDecimal> boxedNumber(String box) {
        String plain = box.replace("{,}", ",").replaceAll("\\\\[,!;: ]|[\\s$]|\\\\%|%", "");
        Matcher fraction = FRACTION.matcher(plain);
        if (fraction.matches()) {
            return ratio(fraction.group(2), fraction.group(3))
                    .map(value -> fraction.group(1).equals("-") ? value.negate() : value);
        }
        Matcher ratio = RATIO.matcher(plain);
        return ratio.matches() ? ratio(ratio.group(1), ratio.group(2)) : lastNumber(plain);
    }

    private static Optional<BigDecimal> ratio(String above, String below) {
        BigDecimal divisor = number(below);
        return divisor.signum() == 0
                ? Optional.empty()
                : Optional.of(number(above).divide(divisor, MathContext.DECIMAL64));
    }

    private static BigDecimal number(String text) {
        return new BigDecimal(text.replace(",", ""));
    }

    /** What stands in the last block between lines that begin with three backticks; empty without one that is closed. */
    static Optional<String> fenced(String completion) {
        Optional<String> last = Optional.empty();
        StringBuilder block = new StringBuilder();
        boolean inside = false;
        for (String line : completion.split("\n", -1)) {
            if (line.stripLeading().startsWith(FENCE)) {
                if (inside) {
                    last = Optional.of(block.toString());
                }
                inside = !inside;
                block.setLength(0);
            } else if (inside) {
                block.append(line).append('\n');
            }
        }
        return last;
    }
}
