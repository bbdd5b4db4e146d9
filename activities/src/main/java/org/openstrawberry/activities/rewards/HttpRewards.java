package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Tries.Permit;
import org.openstrawberry.config.HttpSpec;
import org.openstrawberry.config.RewardLimits;
import reactor.core.publisher.Mono;

/** Rewards by a service, in batches. */
final class HttpRewards {
    private HttpRewards() {}

    static Scorer of(HttpSpec spec, RewardLimits limits, Secrets secrets, Duration firstRetry) {
        Endpoint endpoint = new Endpoint("reward.http", spec.url(), spec.headers(), secrets);
        BatchReward<Permit> reward = (permit, samples) ->
                endpoint.post(request(samples)).flatMap(answer -> Mono.fromCallable(() -> scores(answer)));
        return new BatchScorer<>(reward, spec.batch(), Tries.ofPermits(limits, firstRetry), endpoint::close);
    }

    private static JsonNode request(List<Sample> samples) {
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        ArrayNode list = request.putArray("samples");
        samples.forEach(sample -> list.add(Samples.json(sample)));
        return request;
    }

    private static List<Scored> scores(JsonNode answer) {
        JsonNode scores = answer.path("scores");
        if (!scores.isArray()) {
            throw new RewardException("expected {\"scores\": […]}, found " + Samples.cut(answer.toString()));
        }
        List<Scored> scored = new ArrayList<>();
        scores.forEach(score -> scored.add(Samples.scored(score)));
        return scored;
    }
}
