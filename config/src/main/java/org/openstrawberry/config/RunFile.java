package org.openstrawberry.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;

/**
 * Run files: YAML in, {@link RunSpec} out, and back. A user's file is laid over the defaults ({@code defaults.yaml} beside
 * this class) and options of the form {@code KEY=VALUE} over both. Every mistake becomes an {@link InvalidInputException}
 * that begins with the file, line and column, or the option, that has to be mended.
 */
public final class RunFile {

    /** The settings that are paths, by key; {@code *} is any name. */
    static final List<String> PATHS = List.of(
            "model.policy",
            "model.lora.from",
            "warmup.data",
            "data.prompts",
            "data.held-out",
            "reward.command.directory",
            "reward.classifier.model",
            "reward.sum.parts.*.command.directory",
            "reward.sum.parts.*.classifier.model",
            "evaluation.reward.command.directory",
            "evaluation.reward.classifier.model",
            "evaluation.reward.sum.parts.*.command.directory",
            "evaluation.reward.sum.parts.*.classifier.model");

    private static final String HEADER = "# Every setting of the run. Relative paths are relative to this file.\n";

    // Jackson's own writer of numbers: that of the JDK changed its digits between 17 and 19, and hashes with them.
    private static final ObjectMapper JSON = JsonMapper.builder()
            .addModule(new Jdk8Module())
            .addModule(new SimpleModule().addSerializer(Path.class, new ToStringSerializer(Path.class)))
            .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .build();

    private static final ObjectMapper YAML = YAMLMapper.builder()
            .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
            .disable(YAMLGenerator.Feature.SPLIT_LINES)
            .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
            .build();

    private RunFile() {}

    /**
     * One setting in which two specifications differ.
     *
     * @param key dotted as on the command line
     * @param here its value in the first, as JSON; {@code absent} where the key does not exist
     * @param there its value in the second
     */
    public record Difference(String key, String here, String there) {}

    /**
     * Reads a run file.
     *
     * @param file YAML; relative paths in it are relative to its folder
     * @param sets options {@code KEY=VALUE}, dotted key and YAML value, laid over the file in their order; relative paths
     *     in them are relative to the working directory
     * @return the specification, complete, its paths absolute; whether those files exist is not looked at
     * @throws InvalidInputException if the file or an option is at fault
     */
    public static RunSpec read(Path file, List<String> sets) {
        return readUnder(file, overlay("--set", sets));
    }

    /** Reads a run file with layers of settings over it, each stronger than those before it. */
    static RunSpec readUnder(Path file, List<Setting.Block> layers) {
        Setting.Block written =
                overlaid(YamlReader.file(TextFiles.read(file), file.toString(), Place.Layer.FILE), layers);
        if (written.at("name").isEmpty()) {
            Place place = new Place(Place.Layer.FILE, file.toString());
            String stem = String.valueOf(file.getFileName()).replaceFirst("\\.ya?ml$", "");
            written = written.with(
                    "name", new Setting.Scalar(place, JSON.getNodeFactory().textNode(stem), stem));
        }
        return checked(written, file.toString(), file);
    }

    /**
     * A specification from code, with the defaults and checks of a run file.
     *
     * @param settings key, dotted or not, to text, number, boolean, path, list or map of these; {@code name} must be among
     *     them. Where one key lies within another, the longer one counts. Relative paths are relative to the working
     *     directory
     * @throws InvalidInputException if a key is unknown or missing, or a value of the wrong type or out of range; the
     *     message begins with the setting
     */
    public static RunSpec of(Map<String, ?> settings) {
        String source = "settings";
        List<String> sets = new TreeMap<>(settings)
                .entrySet().stream()
                        .map(setting -> setting.getKey() + "=" + json(setting.getValue()))
                        .toList();
        Setting.Block nothing = YamlReader.file("", source, Place.Layer.FILE);
        return checked(
                overlaid(nothing, overlay(source, sets)),
                source,
                Path.of(source).toAbsolutePath());
    }

    static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("expected text, number, boolean, path, list or map, found " + value, e);
        }
    }

    /**
     * Copies a shipped run and its data and reads it there.
     *
     * @param name of the run, one of {@link ShippedRuns#names()}
     * @param inputDirectory where the copies go; made if it is not there
     * @param sets as in {@link #read}
     * @throws InvalidInputException if there is no such run, another file stands where a copy should go, or an option is
     *     at fault
     */
    public static RunSpec shipped(String name, Path inputDirectory, List<String> sets) {
        return read(ShippedRuns.copyTo(name, inputDirectory), sets);
    }

    /**
     * A specification with some settings changed, checked as a run file is.
     *
     * @param option by which the changes came, such as {@code --set}
     * @param changes of the form {@code KEY=VALUE}
     * @throws InvalidInputException if a key is unknown, or a value of the wrong type or out of range; the message begins
     *     with option and change
     */
    public static RunSpec changed(RunSpec spec, String option, List<String> changes) {
        Path anywhere = Path.of("").toAbsolutePath();
        Path file = anywhere.resolve(spec.name());
        Setting.Block written = YamlReader.file(toYaml(spec, anywhere), spec.name(), Place.Layer.FILE);
        return checked(overlaid(written, overlay(option, changes)), spec.name(), file);
    }

    /**
     * How a specification samples, with some settings changed. It is checked by itself: what else the run says need not go
     * with it.
     *
     * @param option by which the changes came
     * @param changes of the form {@code sampling.KEY=VALUE}
     * @throws InvalidInputException as from {@link #changed}
     */
    public static SamplingSpec sampling(RunSpec spec, String option, List<String> changes) {
        Path anywhere = Path.of("").toAbsolutePath();
        Path file = anywhere.resolve(spec.name());
        Setting.Block written = YamlReader.file(toYaml(spec, anywhere), spec.name(), Place.Layer.FILE);
        Setting.Block complete = Defaults.under(overlaid(written, overlay(option, changes)));
        Schema.check(RunSpec.class, complete, spec.name());
        if (complete.at("sampling").orElse(null) instanceof Setting.Block sampling) {
            return bind(SamplingSpec.class, sampling, (ObjectNode) sampling.json(), file);
        }
        throw new IllegalStateException("the schema let a run without sampling pass");
    }

    private static Setting.Block overlaid(Setting.Block written, List<Setting.Block> layers) {
        Setting.Block overlaid = written;
        for (Setting.Block layer : kindsFirst(layers)) {
            overlaid = overlaid.overlaidBy(layer);
        }
        return overlaid;
    }

    private static RunSpec checked(Setting.Block written, String source, Path file) {
        Setting.Block complete = Defaults.under(written);
        Schema.check(RunSpec.class, complete, source);
        return bind(RunSpec.class, complete, withAbsolutePaths(complete, file), file);
    }

    /**
     * Writes every setting to a file that {@link #read} reads as an equal specification. Paths below the file's folder are
     * written relative to it, so that the folder may be moved.
     *
     * @param file written in place, not atomically
     * @throws UncheckedIOException if it cannot be written
     */
    public static void write(RunSpec spec, Path file) {
        try {
            Files.writeString(file, toYaml(spec, folder(file)));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file, e);
        }
    }

    /**
     * What {@link #write} writes, for those who store files their own way.
     *
     * @param folder of the file that the text is for
     */
    public static String toYaml(RunSpec spec, Path folder) {
        try {
            return HEADER + YAML.writeValueAsString(relativeTo(folder, spec));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a specification cannot be written as YAML", e);
        }
    }

    /**
     * Identity of a specification: equal for equal settings, however the run file was written.
     *
     * @param root of the run; paths inside it count by their place in it, so that a moved run keeps its identity
     * @return SHA-256 of the specification's JSON with sorted keys, 64 hexadecimal digits
     */
    public static String hash(RunSpec spec, Path root) {
        try {
            Object sorted = JSON.treeToValue(relativeTo(root, spec), Map.class);
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(JSON.writeValueAsBytes(sorted)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a specification cannot be written as JSON", e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java lacks SHA-256", e);
        }
    }

    /**
     * The settings in which two specifications differ, in the order of a run file. Empty exactly when their
     * {@linkplain #hash hashes} are equal.
     *
     * @param root of the run, as in {@link #hash}
     */
    public static List<Difference> differences(RunSpec mine, RunSpec other, Path root) {
        List<Difference> differences = new ArrayList<>();
        compare("", relativeTo(root, mine), relativeTo(root, other), differences);
        return differences;
    }

    /** The files and directories that a specification names, by key, in the order of {@link #PATHS}. */
    public static Map<String, Path> paths(RunSpec spec) {
        ObjectNode json = tree(spec);
        Map<String, Path> paths = new LinkedHashMap<>();
        for (String key : paths(json)) {
            JsonNode path = json.at("/" + key.replace('.', '/'));
            if (path.isTextual()) {
                paths.put(key, Path.of(path.textValue()));
            }
        }
        return paths;
    }

    /** Every setting as JSON. */
    static ObjectNode tree(RunSpec spec) {
        return JSON.valueToTree(spec);
    }

    private static void compare(String key, JsonNode here, JsonNode there, List<Difference> differences) {
        if (here.isObject() && there.isObject()) {
            Set<String> keys = new LinkedHashSet<>();
            here.fieldNames().forEachRemaining(keys::add);
            there.fieldNames().forEachRemaining(keys::add);
            for (String inner : keys) {
                compare(key.isEmpty() ? inner : key + "." + inner, here.path(inner), there.path(inner), differences);
            }
        } else if (!here.equals(there)) {
            differences.add(new Difference(key, shown(here), shown(there)));
        }
    }

    private static String shown(JsonNode value) {
        return value.isMissingNode() ? "absent" : value.toString();
    }

    /** The options as blocks, to be laid over the file from the first to the last. */
    static List<Setting.Block> overlay(String option, List<String> sets) {
        List<Setting.Block> blocks = new ArrayList<>();
        for (String set : sets) {
            Place place = new Place(Place.Layer.OPTION, option + " " + set.replaceAll("\\s+", " "));
            int equals = set.indexOf('=');
            String key = equals < 0 ? "" : set.substring(0, equals).strip();
            if (List.of(key.split("\\.", -1)).contains("")) {
                throw place.error(
                        "expected KEY=VALUE, such as " + (option.equals("--set") ? "dpo.beta=0.2" : "thoughts=2"));
            }
            blocks.add(Setting.Block.nested(key, YamlReader.value(set.substring(equals + 1), place, key)));
        }
        return blocks;
    }

    // A new kind takes the settings of the old one with it: not those that stand to the left of it on the command line.
    private static List<Setting.Block> kindsFirst(List<Setting.Block> blocks) {
        List<Setting.Block> sorted = new ArrayList<>(blocks);
        sorted.sort(
                Comparator.comparing(block -> block.at("reward.verifier.kind").isEmpty()
                        && block.at("evaluation.reward.verifier.kind").isEmpty()));
        return sorted;
    }

    private static ObjectNode withAbsolutePaths(Setting.Block complete, Path file) {
        ObjectNode json = (ObjectNode) complete.json();
        for (String key : paths(json)) {
            complete.at(key).filter(setting -> setting.json().isTextual()).ifPresent(setting -> {
                Path base = setting.place().layer() == Place.Layer.OPTION ? Path.of("") : folder(file);
                String text = setting.json().textValue();
                if (text.isBlank()) {
                    return; // The record says so: an absolute path would hide it.
                }
                try {
                    replace(json, key, normal(base.resolve(text)).toString());
                } catch (InvalidPathException e) {
                    throw new InvalidInputException(
                            setting.place().text() + ": " + key + ": expected a path, found " + setting.shown(), e);
                }
            });
        }
        return json;
    }

    /** The record that checked settings become. */
    static <T> T bind(Class<T> type, Setting.Block complete, ObjectNode json, Path file) {
        try {
            return JSON.treeToValue(json, type);
        } catch (JsonMappingException e) {
            if (e.getCause() instanceof SettingException problem) {
                throw located(complete, file, blockOf(e), problem);
            }
            throw new IllegalStateException("the schema let pass what the records refuse", e);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("settings that were read are no JSON", e);
        }
    }

    private static String blockOf(JsonMappingException e) {
        StringBuilder block = new StringBuilder();
        e.getPath().forEach(reference -> block.append(reference.getFieldName()).append('.'));
        return block.toString();
    }

    /** The error at the setting to mend: of those that the rule speaks of, the one that the strongest layer wrote. */
    private static InvalidInputException located(
            Setting.Block complete, Path file, String block, SettingException problem) {
        List<String> keys = new ArrayList<>();
        keys.add(block + problem.key());
        problem.related().forEach(key -> keys.add(block + key));
        Place best = new Place(Place.Layer.DEFAULTS, file.toString());
        for (String key : keys) {
            Optional<Place> place = complete.at(key).map(Setting::place);
            if (place.isPresent() && place.get().layer().compareTo(best.layer()) > 0) {
                best = place.get();
            }
        }
        return new InvalidInputException(best.text() + ": " + keys.get(0) + ": " + problem.problem(), problem);
    }

    /** A specification's JSON with the paths inside a folder relative to it, parted by slashes. */
    private static ObjectNode relativeTo(Path folder, RunSpec spec) {
        BiFunction<Path, Path, String> relative = (root, path) -> path.startsWith(root) && !path.equals(root)
                ? root.relativize(path).toString().replace('\\', '/')
                : path.toString();
        ObjectNode json = JSON.valueToTree(spec);
        for (String key : paths(json)) {
            JsonNode path = json.at("/" + key.replace('.', '/'));
            if (path.isTextual()) {
                replace(json, key, relative.apply(normal(folder), Path.of(path.textValue())));
            }
        }
        return json;
    }

    private static void replace(ObjectNode json, String key, String value) {
        int dot = key.lastIndexOf('.');
        ((ObjectNode) json.at("/" + key.substring(0, dot).replace('.', '/'))).put(key.substring(dot + 1), value);
    }

    /** The keys of {@link #PATHS}, with the names that a specification has. */
    static List<String> paths(JsonNode json) {
        List<String> keys = new ArrayList<>();
        for (String path : PATHS) {
            int any = path.indexOf(".*.");
            if (any < 0) {
                keys.add(path);
            } else {
                String before = path.substring(0, any);
                json.at("/" + before.replace('.', '/'))
                        .fieldNames()
                        .forEachRemaining(name -> keys.add(before + "." + name + path.substring(any + 2)));
            }
        }
        return keys;
    }

    private static Path folder(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        return parent == null ? file.toAbsolutePath() : parent;
    }

    private static Path normal(Path path) {
        return path.toAbsolutePath().normalize();
    }
}
