package org.openstrawberry.config;

import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Checks HTTP headers as run files give them. */
final class Headers {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]+");
    private static final Pattern SECRET =
            Pattern.compile(".*(authorization|cookie|token|secret|password|api-?key).*", Pattern.CASE_INSENSITIVE);
    private static final Pattern REFERENCE = Pattern.compile("\\$\\{env:[A-Za-z_][A-Za-z0-9_]*}");
    private static final Pattern UNFINISHED = Pattern.compile("\\$\\{");

    private Headers() {}

    /** The headers by name, in a fixed order. */
    static Map<String, String> checked(Map<String, String> headers) {
        headers.forEach((name, value) -> {
            String key = "headers." + name;
            if (!NAME.matcher(name).matches()) {
                throw new SettingException(
                        "headers", "must have names of letters, digits and dashes, found " + Check.quoted(name));
            }
            String rest = REFERENCE.matcher(value).replaceAll("");
            if (UNFINISHED.matcher(rest).find()) {
                throw new SettingException(
                        key, "must name environment variables like ${env:TOKEN}, found " + Check.quoted(value));
            }
            if (SECRET.matcher(name).matches() && !REFERENCE.matcher(value).find()) {
                // The value is not shown: it would be a secret in a terminal or log.
                throw new SettingException(
                        key,
                        "must take its secret from the environment, such as "
                                + (name.toLowerCase(Locale.ROOT).equals("authorization") ? "Bearer " : "")
                                + "${env:TOKEN}, found a text without a ${env:…}");
            }
        });
        return Collections.unmodifiableMap(new TreeMap<>(headers));
    }
}
