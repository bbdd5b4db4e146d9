package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.openstrawberry.activities.rewards.Reward.Sample;

/** Samples and scores as programs and services see them. */
final class Samples {
    private Samples() {}

    /** The sample as a JSON object. */
    static ObjectNode json(Sample sample) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("prompt", sample.prompt());
        json.put("completion", sample.completion());
        json.put("ended", sample.ended());
        json.put("tokens", sample.tokens());
        ObjectNode fields = json.putObject("fields");
        sample.fields().forEach(fields::set);
        return json;
    }

    /** A score that somebody else gave: a finite number and nothing that only looks like one. */
    static Scored scored(JsonNode score) {
        if (score.isNumber()) {
            return Scored.of(score.doubleValue());
        }
        if (score.path("error").isTextual()) {
            return Scored.failed(score.path("error").textValue());
        }
        return Scored.failed(
                score.isMissingNode() ? "the score is missing" : "the score is no number but " + cut(score.toString()));
    }

    /** The beginning of a text, on one line. */
    static String cut(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= 200 ? line : line.substring(0, 200) + "…";
    }
}
