package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.JudgeSpec;
import org.openstrawberry.config.JudgeSpec.Pointwise;
import org.openstrawberry.config.RewardLimits;
import reactor.core.publisher.Mono;

/** Rewards by a language model behind an OpenAI-compatible API. */
final class Judges {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{(.*?)}}");

    private Judges() {}

    static Scorer of(JudgeSpec spec, RewardLimits limits, Secrets secrets, Duration firstRetry) {
        Judge judge = new Judge(spec, secrets);
        if (spec instanceof Pointwise pointwise) {
            Reward reward = new Reward() {
                @Override
                public Mono<Double> score(Sample sample) {
                    return judge.verdict(sample, Map.of("completion", sample.completion()))
                            .map(verdict -> number(pointwise, verdict));
                }

                @Override
                public void close() {
                    judge.close();
                }
            };
            return BatchScorer.each(reward, limits, firstRetry);
        }
        return new PairwiseScorer(judge, Tries.ofPermits(limits, firstRetry));
    }

    private static double number(Pointwise spec, String verdict) {
        double score;
        try {
            score = Double.parseDouble(verdict);
        } catch (NumberFormatException e) {
            throw new RewardException("expected a number from the judge, found " + Samples.cut(verdict), e);
        }
        if (!(score >= spec.from() && score <= spec.to())) {
            throw new RewardException(
                    "expected a score from " + spec.from() + " to " + spec.to() + " from the judge, found " + verdict);
        }
        return score;
    }

    /** A model that is asked for verdicts. */
    static final class Judge implements AutoCloseable {
        private final JudgeSpec spec;
        private final Endpoint endpoint;
        private final Pattern pattern;

        Judge(JudgeSpec spec, Secrets secrets) {
            this.spec = spec;
            String url = spec.url().replaceFirst("/+$", "") + "/chat/completions";
            endpoint = new Endpoint("reward.judge", url, spec.headers(), secrets);
            pattern = Pattern.compile(spec.pattern());
        }

        /**
         * What the pattern finds in the judge's answer.
         *
         * @param texts what stands for the template's own placeholders
         */
        Mono<String> verdict(Sample sample, Map<String, String> texts) {
            ObjectNode request = JsonNodeFactory.instance.objectNode();
            request.put("model", spec.model());
            ArrayNode messages = request.putArray("messages");
            if (!spec.system().isEmpty()) {
                messages.addObject().put("role", "system").put("content", filled(spec.system(), sample, texts));
            }
            messages.addObject().put("role", "user").put("content", filled(spec.template(), sample, texts));
            spec.temperature().ifPresent(value -> request.put("temperature", value));
            spec.maxTokens().ifPresent(most -> request.put("max_tokens", most));
            return endpoint.post(request).map(this::verdict);
        }

        private String verdict(JsonNode answer) {
            JsonNode content = answer.at("/choices/0/message/content");
            if (!content.isTextual()) {
                throw new RewardException(
                        "expected choices[0].message.content from the judge, found " + Samples.cut(answer.toString()));
            }
            return BoundedText.lastGroup(pattern, content.textValue())
                    .orElseThrow(() -> new RewardException(
                            "the judge's answer has no verdict: " + Samples.cut(content.textValue())));
        }

        @Override
        public void close() {
            endpoint.close();
        }
    }

    /** The template with its texts. What they hold themselves is not filled in again. */
    static String filled(String template, Sample sample, Map<String, String> texts) {
        Function<String, String> text = name -> {
            if (name.equals("prompt")) {
                return sample.prompt();
            }
            if (name.startsWith("fields.")) {
                JsonNode field = sample.fields().get(name.substring("fields.".length()));
                if (field == null) {
                    throw RewardException.lasting(
                            "the judge's template has {{" + name + "}}, which the prompt's row lacks");
                }
                return field.isTextual() ? field.textValue() : field.toString();
            }
            return texts.getOrDefault(name, "");
        };
        return PLACEHOLDER.matcher(template).replaceAll(found -> Matcher.quoteReplacement(text.apply(found.group(1))));
    }
}
