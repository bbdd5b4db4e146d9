package org.openstrawberry.worker.report;

import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them. */
public final class Words {
    private Words() {}

    /** Three significant digits, such as 0.345, 12.3 or 1.93 M. */
    static String number(double value) {
        double size = Math.abs(value);
        if (!Double.isFinite(value)) {
            return String.valueOf(value);
        }
        if (size >= 999_500_000) {
            return digits(value / 1e9) + " G";
        }
        if (size >= 999_500) {
            return digits(value / 1e6) + " M";
        }
        if (size >= 1_000) {
            return String.format(Locale.ROOT, "%,.0f", value);
        }
        return size > 0 && size < 0.001 ? String.format(Locale.ROOT, "%.2e", value) : digits(value);
    }

    private static String digits(double value) {
        double size = Math.abs(value);
        if (value == Math.rint(value)) {
            return String.format(Locale.ROOT, "%.0f", value);
        }
        return String.format(
                Locale.ROOT, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f", value);
    }

    /** A count, such as 12,480. */
    static String count(double value) {
        return value >= 10_000_000 ? number(value) : String.format(Locale.ROOT, "%,.0f", value);
    }

    static String percent(double share) {
        return Double.isFinite(share) ? String.format(Locale.ROOT, "%.1f %%", 100 * share) : "–";
    }

    /** Such as 1 h 12 min, 1 min 3 s or 0.24 s. */
    public static String seconds(double seconds) {
        if (seconds < 10) {
            return String.format(Locale.ROOT, "%.2f s", seconds);
        }
        Duration time = Duration.ofSeconds(Math.round(seconds));
        if (time.toHours() > 0) {
            return time.toHours() + " h " + time.toMinutesPart() + " min";
        }
        return time.toMinutes() > 0
                ? time.toMinutes() + " min " + time.toSecondsPart() + " s"
                : time.toSeconds() + " s";
    }
}
