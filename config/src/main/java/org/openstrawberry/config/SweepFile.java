package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.SweepSpec.Trial;

/**
 * Sweep files: YAML in, {@link SweepSpec} out. Everything is drawn and every trial's settings are checked before any work;
 * a mistake becomes an {@link InvalidInputException} that begins with the file, line and column to mend.
 */
public final class SweepFile {
    private static final String SHIPPED = "letter-count";
    private static final String DEFAULTS = "{ set: {}, seed: 0, at-a-time: 1, measure: accuracy }";
    private static final String HALVING_DEFAULTS = "{ halving: { factor: 2 } }";

    private final Path file;
    private final Setting.Block written;
    private final SweepKeys keys;

    private SweepFile(Path file, Setting.Block written, SweepKeys keys) {
        this.file = file;
        this.written = written;
        this.keys = keys;
    }

    /**
     * Reads a sweep file's own keys; its trials are made by {@link #resolve}.
     *
     * @throws InvalidInputException if the file is at fault
     */
    public static SweepFile read(Path file) {
        // A sweep's settings are as strong as options: a rule that a trial breaks is told at the sweep file's line.
        Setting.Block written = YamlReader.file(TextFiles.read(file), file.toString(), Place.Layer.OPTION);
        Setting.Block complete = defaults(DEFAULTS, file).overlaidBy(written);
        if (written.at("halving").orElse(null) instanceof Setting.Block) {
            complete = defaults(HALVING_DEFAULTS, file).overlaidBy(complete);
        }
        if (complete.at("name").isEmpty()) {
            String stem = String.valueOf(file.getFileName()).replaceFirst("\\.ya?ml$", "");
            complete = complete.with("name", text(new Place(Place.Layer.FILE, file.toString()), stem));
        }
        Schema.check(SweepKeys.class, complete, file.toString());
        return new SweepFile(
                file, complete, RunFile.bind(SweepKeys.class, complete, (ObjectNode) complete.json(), file));
    }

    /** Names the sweep, its directory and its workflow; by default the file's name. */
    public String name() {
        return keys.name();
    }

    /**
     * Draws the trials and checks the settings of each.
     *
     * @param directory the sweep's; where the file names no run, the shipped one and its data are copied into its
     *     {@code input} folder
     * @throws InvalidInputException if a key is unknown, or a value of the wrong type or out of range
     */
    public SweepSpec resolve(Path directory) {
        Map<String, SweptValues> over = new LinkedHashMap<>();
        block("over").entries().forEach((key, entry) -> {
            checkKey(key, entry.key());
            over.put(key, SweptValues.of(key, entry.value()));
        });
        List<Map<String, Setting>> points =
                keys.samples().isPresent() ? sample(over, keys.samples().get()) : grid(over);
        Path run = keys.run()
                .map(name -> folder().resolve(name))
                .orElseGet(() -> ShippedRuns.copyTo(SHIPPED, directory.resolve("input")));
        List<Trial> trials = new ArrayList<>();
        for (Map<String, Setting> point : points) {
            Map<String, JsonNode> settings = new LinkedHashMap<>();
            point.forEach((key, value) -> settings.put(key, value.json()));
            trials.add(new Trial(
                    String.format(Locale.ROOT, "%02d", trials.size()),
                    settings,
                    RunFile.readUnder(run, layers(point))));
        }
        SweepSpec spec = new SweepSpec(keys.name(), trials, keys.atATime(), keys.measure(), keys.halving());
        checkMeasure(spec);
        checkHalving(spec);
        return spec;
    }

    private void checkKey(String key, Place place) {
        if (List.of(key.split("\\.", -1)).contains("")) {
            throw place.error("over: expected dotted keys, such as dpo.beta, found " + Check.quoted(key));
        }
        if (block("set").entries().containsKey(key)) {
            throw place.error(key + ": stands in set and in over, expected one of the two");
        }
    }

    /** Every combination; the last key changes fastest. */
    private List<Map<String, Setting>> grid(Map<String, SweptValues> over) {
        List<Map<String, Setting>> points = List.of(Map.of());
        for (Map.Entry<String, SweptValues> swept : over.entrySet()) {
            List<Map<String, Setting>> longer = new ArrayList<>();
            for (Map<String, Setting> point : points) {
                for (Setting value : swept.getValue().all(swept.getKey())) {
                    Map<String, Setting> next = new LinkedHashMap<>(point);
                    next.put(swept.getKey(), value);
                    longer.add(next);
                }
            }
            points = longer;
            if (points.size() > SweepKeys.MOST_TRIALS) {
                throw place("over")
                        .error("over: found more than " + SweepKeys.MOST_TRIALS
                                + " combinations; expected fewer, or samples for a random search");
            }
        }
        return points;
    }

    private List<Map<String, Setting>> sample(Map<String, SweptValues> over, int samples) {
        List<Map<String, Setting>> points = new ArrayList<>();
        for (int trial = 0; trial < samples; trial++) {
            Map<String, Setting> point = new LinkedHashMap<>();
            for (Map.Entry<String, SweptValues> swept : over.entrySet()) {
                point.put(swept.getKey(), swept.getValue().at(uniform(keys.seed(), trial, swept.getKey())));
            }
            points.add(point);
        }
        return points;
    }

    /**
     * A number from 0, below 1, by SplitMix64's mixing: a pure function, so that more samples or another key leave the
     * draws that were there as they were.
     */
    static double uniform(long seed, int trial, String key) {
        long mixed = mix(seed);
        mixed = mix(mixed ^ trial);
        for (byte letter : key.getBytes(StandardCharsets.UTF_8)) {
            mixed = mix(mixed ^ letter);
        }
        return (mixed >>> 11) * 0x1.0p-53;
    }

    private static long mix(long value) {
        long z = value + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    private List<Setting.Block> layers(Map<String, Setting> point) {
        List<Setting.Block> layers = new ArrayList<>();
        block("set").entries().forEach((key, entry) -> layers.add(layer(key, entry.value())));
        point.forEach((key, value) -> layers.add(layer(key, value)));
        return layers;
    }

    /** One setting; a relative path in it is relative to the sweep file. */
    private Setting.Block layer(String key, Setting value) {
        Setting.Block layer = Setting.Block.nested(key, value);
        for (String path : RunFile.paths(layer.json())) {
            Optional<Setting> setting =
                    layer.at(path).filter(found -> found.json().isTextual());
            if (setting.isPresent() && !setting.get().json().textValue().isBlank()) {
                layer = layer.overlaidBy(Setting.Block.nested(path, absolute(setting.get())));
            }
        }
        return layer;
    }

    private Setting absolute(Setting path) {
        try {
            Path absolute = folder().resolve(path.json().textValue());
            return new Setting.Scalar(
                    path.place(), text(path.place(), absolute.toString()).json(), path.shown());
        } catch (InvalidPathException e) {
            return path; // told where the setting is read
        }
    }

    private void checkMeasure(SweepSpec spec) {
        boolean measured = spec.measure() != Measure.ACCURACY
                || spec.trials().stream().allMatch(trial -> trial.run().data().holdsOut());
        if (!measured) {
            throw place("measure")
                    .error("measure: accuracy needs data.held-out, which is not given; expected it, or loss or reward");
        }
    }

    private void checkHalving(SweepSpec spec) {
        spec.halving().filter(halving -> spec.rungs().size() < 2).ifPresent(halving -> {
            throw place("halving.start")
                    .error("halving.start: must be below until.iterations ("
                            + spec.rungs().get(0) + "), found " + halving.start());
        });
    }

    private Setting.Block block(String key) {
        return (Setting.Block) written.at(key).orElseThrow();
    }

    private Place place(String key) {
        return written.at(key)
                .map(Setting::place)
                .filter(place -> place.layer() == Place.Layer.OPTION)
                .orElse(new Place(Place.Layer.FILE, file.toString()));
    }

    private Path folder() {
        Path parent = file.toAbsolutePath().getParent();
        return parent == null ? file.toAbsolutePath() : parent;
    }

    private static Setting.Block defaults(String yaml, Path file) {
        return YamlReader.file(yaml, file.toString(), Place.Layer.DEFAULTS);
    }

    private static Setting.Scalar text(Place place, String text) {
        return new Setting.Scalar(place, JsonNodeFactory.instance.textNode(text), Check.quoted(text));
    }
}
