package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The defaults, kept as commented YAML beside this class: those of every run, and those of blocks that may be absent. */
final class Defaults {

    static final String RUN = "defaults.yaml";
    static final String BLOCKS = "block-defaults.yaml";
    static final String WORKER = "worker-defaults.yaml";
    static final String REWARD_TRAINING = "reward-training-defaults.yaml";

    private Defaults() {}

    /** What was written, laid over the defaults. */
    static Setting.Block under(Setting.Block written) {
        Setting.Block complete = load(RUN).overlaidBy(written);
        Setting.Block blocks = load(BLOCKS);
        if (complete.at("warmup").orElse(null) instanceof Setting.Block warmup) {
            complete = complete.with("warmup", laidUnder(warmup, blocks, "warmup"));
        }
        if (complete.at("sampling").orElse(null) instanceof Setting.Block sampling) {
            complete = complete.with("sampling", withTree(sampling, blocks));
        }
        if (complete.at("model").orElse(null) instanceof Setting.Block model) {
            complete = complete.with("model", withAdapters(model));
        }
        if (complete.at("reward").orElse(null) instanceof Setting.Block reward) {
            complete = complete.with("reward", reward(reward, blocks));
        }
        if (complete.at("evaluation").orElse(null) instanceof Setting.Block evaluation
                && evaluation.at("reward").orElse(null) instanceof Setting.Block judge) {
            Setting.Block whole = reward(laidUnder(judge, blocks, "evaluation-reward"), blocks);
            complete = complete.with("evaluation", evaluation.with("reward", whole));
        }
        return complete;
    }

    /** Lays the defaults of adapters under those that a block has, if it has any. */
    static Setting.Block withAdapters(Setting.Block block) {
        if (block.at("lora").orElse(null) instanceof Setting.Block lora) {
            boolean fresh = lora.at("from")
                    .map(Setting::json)
                    .filter(JsonNode::isTextual)
                    .isEmpty();
            return block.with("lora", laidUnder(lora, load(BLOCKS), fresh ? "lora" : "lora-from"));
        }
        return block;
    }

    private static Setting.Block withTree(Setting.Block sampling, Setting.Block blocks) {
        boolean grows = sampling.at("branching")
                .map(Setting::json)
                .filter(branching -> branching.asText().equals("tree"))
                .isPresent();
        if (sampling.at("tree").orElse(null) instanceof Setting.Block tree) {
            return sampling.with("tree", laidUnder(tree, blocks, "tree"));
        }
        return grows && blocks.at("tree").orElse(null) instanceof Setting.Block defaults
                ? sampling.with("tree", defaults)
                : sampling;
    }

    private static Setting.Block reward(Setting.Block reward, Setting.Block blocks) {
        Setting.Block complete = reward;
        for (String kind : List.of("command", "http", "java", "classifier", "sum")) {
            if (complete.at(kind).orElse(null) instanceof Setting.Block block) {
                complete = complete.with(kind, laidUnder(block, blocks, "reward-" + kind));
            }
        }
        for (String choice : Schema.CHOICES) {
            if (complete.at(choice).orElse(null) instanceof Setting.Block block) {
                Optional<JsonNode> kind = block.at("kind").map(Setting::json).filter(JsonNode::isTextual);
                if (kind.isPresent()) {
                    String defaults = choice + "-" + kind.get().textValue();
                    complete = complete.with(choice, laidUnder(block, blocks, defaults));
                }
            }
        }
        if (complete.at("sum").orElse(null) instanceof Setting.Block sum
                && sum.at("parts").orElse(null) instanceof Setting.Block parts) {
            for (Map.Entry<String, Setting.Entry> part : parts.entries().entrySet()) {
                if (part.getValue().value() instanceof Setting.Block block) {
                    parts = parts.with(part.getKey(), reward(laidUnder(block, blocks, "reward-part"), blocks));
                }
            }
            complete = complete.with("sum", sum.with("parts", parts));
        }
        return complete;
    }

    /** Of every run. */
    static Setting.Block runs() {
        return load(RUN);
    }

    /** Of blocks that may be absent, by the names that they have here. */
    static Setting.Block blocks() {
        return load(BLOCKS);
    }

    /** Of a worker process. */
    static Setting.Block worker() {
        return load(WORKER);
    }

    /** Of the training of a reward model. */
    static Setting.Block rewardTraining() {
        return load(REWARD_TRAINING);
    }

    private static Setting.Block laidUnder(Setting.Block written, Setting.Block blocks, String name) {
        return blocks.at(name).orElse(null) instanceof Setting.Block defaults ? defaults.overlaidBy(written) : written;
    }

    private static Setting.Block load(String resource) {
        return YamlReader.file(text(resource), resource, Place.Layer.DEFAULTS);
    }

    /** A file of defaults as it stands. */
    static String text(String resource) {
        try (InputStream stream = Defaults.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new IllegalStateException(resource + " is missing beside " + Defaults.class);
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + resource, e);
        }
    }
}
