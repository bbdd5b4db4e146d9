package org.openstrawberry.worker.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.openstrawberry.activities.store.RunLayout;

/** What a model card says beside the figures of the report. */
final class ModelCard {
    private static final YAMLMapper YAML = new YAMLMapper();

    /** What people ask for first. */
    private static final List<String> KEYS = List.of(
            "seed",
            "model.dtype",
            "model.lora",
            "warmup.steps",
            "sampling.prompts",
            "sampling.branches",
            "sampling.temperature",
            "sampling.max-new-tokens",
            "reward",
            "pairs.per-prompt",
            "dpo.loss",
            "dpo.beta",
            "optimizer.kind",
            "optimizer.learning-rate",
            "reference.refresh",
            "reference.every",
            "until.iterations");

    private ModelCard() {}

    /** A setting and its value as JSON. */
    record Setting(String key, String value) {}

    static List<Setting> summary(RunReading run) {
        try {
            JsonNode settings = YAML.readTree(run.yaml());
            List<Setting> summary = new ArrayList<>();
            for (String key : KEYS) {
                JsonNode value = settings.at("/" + key.replace('.', '/'));
                if (!value.isMissingNode() && !value.isNull()) {
                    summary.add(new Setting(key, value.isTextual() ? value.asText() : value.toString()));
                }
            }
            return summary;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("settings that were read are no YAML", e);
        }
    }

    /** What keeps the same command from giving the same weights. */
    static List<String> notes(RunReading run) {
        List<String> notes = new ArrayList<>();
        boolean adjusted = IntStream.rangeClosed(1, run.iteration())
                .anyMatch(iteration -> Files.exists(run.directory().resolve(RunLayout.adjusted(iteration))));
        if (adjusted) {
            notes.add(
                    "Settings were adjusted while it ran, so that takes `./strawberry adjust` at the same iterations: those"
                            + " with an `adjusted.json` in `record/iterations/`.");
        }
        if (Files.exists(run.directory().resolve(RunLayout.FORK))) {
            notes.add(
                    "It was forked from another run, so that takes the other one's beginning: `record/fork.json` names it.");
        }
        if (run.spec().until().wallTime().isPresent()) {
            notes.add("`until.wall-time` is set: where it ends depends on the clock.");
        }
        return notes;
    }
}
