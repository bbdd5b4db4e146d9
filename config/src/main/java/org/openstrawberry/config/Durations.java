package org.openstrawberry.config;

import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as users write them: {@code 90m}, {@code 12h}, {@code 2d}. */
public final class Durations {
    /** How one is written, for error messages. */
    public static final String EXPECTED = "a whole number and s, m, h or d, such as 90m";

    private static final Pattern WRITTEN = Pattern.compile("([1-9][0-9]{0,8})([smhd])");

    private Durations() {}

    /** The duration; empty where the text is none. */
    public static Optional<Duration> parse(String text) {
        Matcher matcher = WRITTEN.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        long amount = Long.parseLong(matcher.group(1));
        return Optional.of(
                switch (matcher.group(2)) {
                    case "s" -> Duration.ofSeconds(amount);
                    case "m" -> Duration.ofMinutes(amount);
                    case "h" -> Duration.ofHours(amount);
                    default -> Duration.ofDays(amount);
                });
    }
}
