package org.openstrawberry.worker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.chat.ChatTemplate;
import org.openstrawberry.model.pretrained.LayerAttention;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Rope;
import org.openstrawberry.model.pretrained.RopeScaling;
import org.openstrawberry.model.pretrained.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a model directory holds. */
@Command(name = "info", mixinStandardHelpOptions = true, description = "Show what a model directory holds.")
final class ModelInfoCommand implements Callable<Integer> {
    @Parameters(index = "0", arity = "0..1", paramLabel = "DIR", description = "A model directory.")
    private @Nullable Path directory;

    @Option(names = "--model", paramLabel = "DIR", description = "The same, as in the other commands.")
    private @Nullable Path model;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() throws JsonProcessingException {
        if ((directory == null) == (model == null)) {
            throw new InvalidInputException("expected one model directory, as DIR or as --model DIR");
        }
        Map<String, Object> facts = facts(ModelDirectory.openEither(directory != null ? directory : model));
        if (json) {
            System.out.println(new ObjectMapper().writeValueAsString(facts));
        } else {
            facts.forEach((name, value) -> System.out.printf("%-24s %s%n", name.replace('_', ' '), value));
        }
        return 0;
    }

    private static Map<String, Object> facts(ModelDirectory model) {
        ModelConfig config = model.config();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("architecture", config.architecture());
        facts.put("parameters", config.parameters());
        facts.put("dtype", String.join(", ", model.storedTypes()));
        facts.put("vocab_size", config.vocabSize());
        facts.put("hidden_size", config.hiddenSize());
        facts.put("layers", config.layers());
        facts.put("heads", config.heads());
        facts.put("kv_heads", config.kvHeads());
        facts.put("head_dim", config.headDim());
        facts.put("intermediate_size", config.intermediateSize());
        facts.put("max_position_embeddings", config.maxPositionEmbeddings());
        facts.put("tied_embeddings", config.tieWordEmbeddings());
        if (config.classifies()) {
            facts.put("labels", config.labels());
        }
        facts.put("positions", positions(config));
        facts.put("windows", windows(config));
        tokens(model, facts);
        return facts;
    }

    private static String positions(ModelConfig config) {
        List<String> ropes = config.attention().stream()
                .map(LayerAttention::rope)
                .distinct()
                .map(rope -> rope.map(ModelInfoCommand::text).orElse("learned"))
                .toList();
        return String.join("; ", ropes);
    }

    private static String text(Rope rope) {
        return "rotary, base " + rope.theta() + ", " + rope.dims() + " dimensions"
                + (rope.scaling() instanceof RopeScaling.None
                        ? ""
                        : ", scaling "
                                + rope.scaling().getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT));
    }

    private static String windows(ModelConfig config) {
        OptionalInt window = config.attention().stream()
                .flatMapToInt(layer -> layer.window().stream())
                .findFirst();
        long sliding = config.attention().stream()
                .filter(layer -> layer.window().isPresent())
                .count();
        return window.isEmpty()
                ? "none"
                : window.getAsInt() + " tokens in " + sliding + " of " + config.layers() + " layers";
    }

    private static void tokens(ModelDirectory model, Map<String, Object> facts) {
        try (Tokenizer tokenizer = model.tokenizer()) {
            facts.put("tokenizer_vocab_size", tokenizer.vocabSize());
            int[] added = tokenizer.encode("");
            facts.put("begin_ids", java.util.Arrays.stream(added).boxed().toList());
        }
        facts.put("eos_ids", List.copyOf(new java.util.ArrayList<>(model.eosIds())));
        facts.put("pad_id", model.padId());
        Optional<ChatTemplate> template = model.chatTemplate();
        facts.put("chat_template", template.isEmpty() ? "none" : prefixPreserving(template.get()));
    }

    private static String prefixPreserving(ChatTemplate template) {
        try {
            template.requirePrefixPreserving();
            return "prefix-preserving";
        } catch (InvalidInputException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
