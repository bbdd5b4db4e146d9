package org.openstrawberry.model.chat;

import java.io.Serial;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;

/** The functions that transformers gives to chat templates; public for the Jinja library alone. */
public final class TemplateFunctions {
    /** Python's strftime directives, as patterns of java.time. */
    private static final Map<Character, String> DIRECTIVES = Map.ofEntries(
            Map.entry('a', "EEE"),
            Map.entry('A', "EEEE"),
            Map.entry('b', "MMM"),
            Map.entry('B', "MMMM"),
            Map.entry('d', "dd"),
            Map.entry('m', "MM"),
            Map.entry('y', "yy"),
            Map.entry('Y', "yyyy"),
            Map.entry('H', "HH"),
            Map.entry('I', "hh"),
            Map.entry('M', "mm"),
            Map.entry('S', "ss"),
            Map.entry('f', "SSSSSS"),
            Map.entry('p', "a"),
            Map.entry('j', "DDD"));

    private TemplateFunctions() {}

    /** A template's own refusal. */
    static final class Raised extends RuntimeException {
        @Serial
        private static final long serialVersionUID = 1;

        Raised(String message) {
            super(message);
        }
    }

    /** Refuses to render. */
    public static Object raise(Object message) {
        throw new Raised(String.valueOf(message));
    }

    /** The local time by Python's format. */
    public static String strftimeNow(String format) {
        return strftime(format, LocalDateTime.now());
    }

    static String strftime(String format, LocalDateTime time) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                text.append(c);
                continue;
            }
            char directive = format.charAt(++i);
            if (directive == '-' && i + 1 < format.length()) {
                text.append(formatted(format.charAt(++i), time).replaceFirst("^0+(?=.)", ""));
            } else {
                text.append(formatted(directive, time));
            }
        }
        return text.toString();
    }

    private static String formatted(char directive, LocalDateTime time) {
        if (directive == '%') {
            return "%";
        }
        String pattern = DIRECTIVES.get(directive);
        if (pattern == null) {
            throw new Raised("strftime_now: the directive %" + directive + " is not supported");
        }
        return DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
    }
}
