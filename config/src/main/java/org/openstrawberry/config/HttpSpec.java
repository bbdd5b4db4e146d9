package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Map;

/**
 * A service that scores samples; docs/rewards.md has its contract.
 *
 * @param url that samples are posted to
 * @param headers of every request; a text in them like <code>${env:TOKEN}</code> stands for the worker's environment
 *     variable of that name
 * @param batch samples of a prompt that one request may hold
 */
@JsonNaming(KebabCaseStrategy.class)
public record HttpSpec(String url, Map<String, String> headers, int batch) implements RewardKind {

    /** Checks the address, and that no secret is written out. */
    public HttpSpec {
        headers = Headers.checked(headers);
        Check.url("url", url);
        Check.atLeast(1, "batch", batch);
    }
}
