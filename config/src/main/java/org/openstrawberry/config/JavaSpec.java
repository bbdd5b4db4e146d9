package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A reward of the worker's class path, found by Java's service loader.
 *
 * @param name under which it offers itself
 * @param settings its own, as they are written
 */
@JsonNaming(KebabCaseStrategy.class)
public record JavaSpec(String name, Map<String, Object> settings) implements RewardKind {

    /** Checks the name. */
    public JavaSpec {
        Check.notBlank("name", name);
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    }
}
