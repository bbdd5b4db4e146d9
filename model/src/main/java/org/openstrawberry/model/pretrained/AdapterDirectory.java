package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.safetensors.SafetensorsFile;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

/** LoRA adapters as PEFT stores them: {@code adapter_config.json} and {@code adapter_model.safetensors}. */
public final class AdapterDirectory {
    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";

    /** Switches of PEFT that change the arithmetic; on, they are refused. */
    private static final List<String> UNSUPPORTED = List.of("use_dora", "lora_bias", "use_qalora", "use_bdlora");

    /** Settings of PEFT that change which layers are adapted, or how; given, they are refused. */
    private static final List<String> UNSUPPORTED_VALUES = List.of(
            "alpha_pattern",
            "rank_pattern",
            "layers_to_transform",
            "layers_pattern",
            "layer_replication",
            "exclude_modules",
            "target_parameters",
            "trainable_token_indices",
            "alora_invocation_tokens");

    private static final String HEAD = TensorNames.SCORE.replace(".weight", "");
    private static final List<String> HEADS = List.of("classifier", HEAD);
    private static final Pattern CHANGES_BASE = Pattern.compile("(pissa|olora|corda|loftq|lora_ga).*");

    private final Path path;
    private final ModelConfig model;
    private final LoraConfig config;
    private final Optional<String> base;

    private AdapterDirectory(Path path, ModelConfig model, LoraConfig config, Optional<String> base) {
        this.path = path;
        this.model = model;
        this.config = config;
        this.base = base;
    }

    /**
     * Opens a directory and checks that its adapters fit a model.
     *
     * @param path of the directory
     * @param model that they are for
     * @throws InvalidInputException if a file is missing or broken, or asks for what is not supported, or does not fit
     */
    public static AdapterDirectory open(Path path, ModelConfig model) {
        JsonObject file = JsonObject.read(path.resolve(CONFIG));
        if (!file.text("peft_type").orElse("LORA").equals("LORA")) {
            throw file.wrong("peft_type", "\"LORA\"");
        }
        if (!file.text("bias").orElse("none").equals("none")) {
            throw file.wrong("bias", "\"none\"");
        }
        for (String key : UNSUPPORTED) {
            if (file.flag(key, false)) {
                throw file.wrong(key, "false: it is not supported");
            }
        }
        // The weights that such an adapter stands on are not those of the model that it was made from.
        if (file.value("init_lora_weights")
                .filter(value -> value.isTextual()
                        && CHANGES_BASE.matcher(value.asText()).matches())
                .isPresent()) {
            throw file.wrong("init_lora_weights", "true: adapters that change their base are not supported");
        }
        for (String key : UNSUPPORTED_VALUES) {
            if (file.value(key)
                    .filter(value -> !value.isEmpty() || value.isValueNode())
                    .isPresent()) {
                throw file.wrong(key, "none: it is not supported");
            }
        }
        LoraConfig config = new LoraConfig(
                file.positiveInt("r"),
                file.positive("lora_alpha"),
                file.flag("use_rslora", false),
                targets(file, model),
                savesHead(file, model));
        AdapterDirectory directory = new AdapterDirectory(path, model, config, file.text("base_model_name_or_path"));
        try {
            directory.checkTensors(config.tensorShapes(model));
        } catch (IllegalArgumentException e) {
            throw new InvalidInputException(file.path() + ": target_modules: " + e.getMessage(), e);
        }
        return directory;
    }

    /** PEFT stores the head of a sequence classifier, whatever it is named: it lists all names that one may have. */
    private static boolean savesHead(JsonObject file, ModelConfig model) {
        List<String> saved = new ArrayList<>();
        file.value("modules_to_save").ifPresent(modules -> modules.forEach(module -> saved.add(module.asText())));
        if (saved.isEmpty()) {
            return false;
        }
        if (!model.classifies() || !HEADS.containsAll(saved) || !saved.contains(HEAD)) {
            throw file.wrong("modules_to_save", model.classifies() ? "none or " + HEADS : "none: it is not supported");
        }
        return true;
    }

    /** A list of names, or a regular expression for whole names. */
    private static List<String> targets(JsonObject file, ModelConfig model) {
        JsonNode value = file.value("target_modules").orElseThrow(() -> file.wrong("target_modules", "layers' names"));
        if (value.isTextual() && !value.asText().equals(LoraConfig.ALL_LINEAR)) {
            Pattern pattern = Pattern.compile(value.asText());
            List<String> matching = model.linearLayers().keySet().stream()
                    .filter(layer -> pattern.matcher(layer).matches())
                    .toList();
            if (matching.isEmpty()) {
                throw file.wrong("target_modules", "an expression that matches a linear layer");
            }
            return matching;
        }
        List<String> targets = new ArrayList<>();
        for (JsonNode target : value.isArray() ? value : List.of(value)) {
            targets.add(target.asText());
        }
        if (targets.isEmpty()) {
            throw file.wrong("target_modules", "at least one layer's name");
        }
        return targets;
    }

    private void checkTensors(Map<String, Shape> expected) {
        Path file = path.resolve(WEIGHTS);
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            Set<String> missing = new TreeSet<>(expected.keySet());
            missing.removeAll(tensors.names());
            Set<String> extra = new TreeSet<>(tensors.names());
            extra.removeAll(expected.keySet());
            if (!missing.isEmpty() || !extra.isEmpty()) {
                throw new InvalidInputException(file + ": "
                        + (missing.isEmpty() ? "" : "tensors are missing: " + String.join(", ", missing))
                        + (missing.isEmpty() || extra.isEmpty() ? "" : "; ")
                        + (extra.isEmpty()
                                ? ""
                                : "found tensors that do not belong here: " + String.join(", ", extra)));
            }
            expected.forEach((name, shape) -> {
                if (!tensors.shape(name).equals(shape)) {
                    throw new InvalidInputException(
                            file + ": " + name + ": found shape " + tensors.shape(name) + ", expected " + shape);
                }
            });
        }
    }

    /** Where the files are. */
    public Path path() {
        return path;
    }

    /** What the adapters say they were made for: a directory, or the name of a model. */
    public Optional<String> base() {
        return base;
    }

    /** Rank, scale and targets. */
    public LoraConfig config() {
        return config;
    }

    /**
     * Reads the adapters.
     *
     * @param parent whose closing also closes them
     * @return the tensors of {@link LoraConfig#tensorShapes} in that order, as float32
     */
    public Weights load(NDManager parent) {
        try (SafetensorsFile file = SafetensorsFile.open(path.resolve(WEIGHTS))) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            config.tensorShapes(model).keySet().forEach(name -> tensors.put(name, file.read(name, parent)));
            return Weights.of(parent, tensors);
        }
    }

    /**
     * Writes adapters as PEFT does.
     *
     * @param path created if it is not there; files in it are replaced
     * @param config of the adapters
     * @param model that they are for
     * @param adapter its tensors
     * @param base what PEFT is to load first: a directory, or the name of a model
     * @throws UncheckedIOException if it cannot be written
     */
    public static void save(Path path, LoraConfig config, ModelConfig model, Weights adapter, String base) {
        JsonMapper json = JsonMapper.builder().build();
        ObjectNode root = json.createObjectNode();
        root.put("base_model_name_or_path", base);
        root.put("bias", "none");
        root.put("fan_in_fan_out", model.names().inByOut());
        root.put("inference_mode", true);
        root.put("lora_alpha", config.alpha());
        root.put("lora_dropout", 0.0);
        if (config.head()) {
            HEADS.forEach(root.putArray("modules_to_save")::add);
        }
        root.put("peft_type", "LORA");
        root.put("r", config.rank());
        if (config.targets().equals(List.of(LoraConfig.ALL_LINEAR))) {
            root.put("target_modules", LoraConfig.ALL_LINEAR);
        } else {
            config.targets().forEach(root.putArray("target_modules")::add);
        }
        root.put("task_type", model.classifies() ? "SEQ_CLS" : "CAUSAL_LM");
        root.put("use_rslora", config.rankStabilised());
        try {
            Files.createDirectories(path);
            Files.writeString(
                    path.resolve(CONFIG), json.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": cannot be written: " + e.getMessage(), e);
        }
        SafetensorsWriter.write(path.resolve(WEIGHTS), new LinkedHashMap<>(adapter.asMap()), SafetensorsWriter.PYTORCH);
    }
}
