package org.openstrawberry.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** The defaults, kept as commented YAML beside this class: those of every run, and those of blocks that may be absent. */
final class Defaults {

    private static final String RUN = "defaults.yaml";
    private static final String WORKER = "worker-defaults.yaml";
    private static final String BLOCKS = "block-defaults.yaml";

    private Defaults() {}

    /** What was written, laid over the defaults. */
    static Setting.Block under(Setting.Block written) {
        Setting.Block complete = load(RUN).overlaidBy(written);
        Setting.Block blocks = load(BLOCKS);
        if (complete.at("warmup").orElse(null) instanceof Setting.Block warmup) {
            complete = complete.with("warmup", laidUnder(warmup, blocks, "warmup"));
        }
        if (complete.at("model").orElse(null) instanceof Setting.Block model
                && model.at("lora").orElse(null) instanceof Setting.Block lora) {
            complete = complete.with("model", model.with("lora", laidUnder(lora, blocks, "lora")));
        }
        if (complete.at("reward").orElse(null) instanceof Setting.Block reward
                && reward.at("verifier").orElse(null) instanceof Setting.Block verifier) {
            Optional<Setting> kind = verifier.at("kind");
            if (kind.isPresent() && kind.get().json().isTextual()) {
                String defaults = "verifier-" + kind.get().json().textValue();
                complete = complete.with("reward", reward.with("verifier", laidUnder(verifier, blocks, defaults)));
            }
        }
        return complete;
    }

    /** Of a worker process. */
    static Setting.Block worker() {
        return load(WORKER);
    }

    private static Setting.Block laidUnder(Setting.Block written, Setting.Block blocks, String name) {
        return blocks.at(name).orElse(null) instanceof Setting.Block defaults ? defaults.overlaidBy(written) : written;
    }

    private static Setting.Block load(String resource) {
        try (InputStream stream = Defaults.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new IllegalStateException(resource + " is missing beside " + Defaults.class);
            }
            String text = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
            return YamlReader.file(text, resource, Place.Layer.DEFAULTS);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + resource, e);
        }
    }
}
