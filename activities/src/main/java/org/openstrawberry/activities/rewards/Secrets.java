package org.openstrawberry.activities.rewards;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;

/**
 * Puts environment variables where a setting refers to them by <code>${env:NAME}</code>, and takes them out again of what is
 * written down.
 */
final class Secrets {
    private static final Pattern REFERENCE = Pattern.compile("\\$\\{env:([A-Za-z_][A-Za-z0-9_]*)}");

    private final Function<String, @Nullable String> environment;
    private final Map<String, String> used = new ConcurrentHashMap<>();

    /** @param environment the value of a variable, null where it is not set */
    Secrets(Function<String, @Nullable String> environment) {
        this.environment = environment;
    }

    /**
     * The text with the values in place of the references.
     *
     * @param key of the setting
     * @throws InvalidInputException if a variable is not set
     */
    String resolved(String key, String text) {
        return REFERENCE.matcher(text).replaceAll(reference -> {
            String name = reference.group(1);
            String value = environment.apply(name);
            if (value == null || value.isBlank()) {
                throw new InvalidInputException(
                        key + ": the environment variable " + name + " is not set where rewards are computed");
            }
            used.put(name, value.strip());
            return Matcher.quoteReplacement(value.strip());
        });
    }

    /** The text with the references in place of the values that were handed out. */
    String hidden(String text) {
        String hidden = text;
        for (Map.Entry<String, String> secret : new TreeMap<>(used).entrySet()) {
            hidden = hidden.replace(secret.getValue(), "${env:" + secret.getKey() + "}");
        }
        return hidden;
    }
}
