package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The tools for model directories, against what transformers computes. */
class ModelToolTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path VECTORS = Path.of("../model/src/test/resources/vectors/models");

    private final Path input;
    private final Path output;

    ModelToolTest(@TempDir Path folder) {
        input = folder.resolve("in.jsonl");
        output = folder.resolve("out.jsonl");
    }

    @Test
    void mergedAdaptersMakeAModelDirectoryOfTheirOwn(@TempDir Path folder) throws IOException {
        Path llama = VECTORS.resolve("llama");
        Path merged = folder.resolve("merged");
        int code = Main.run(
                "model",
                "merge",
                "--model",
                llama.toString(),
                "--adapter",
                llama.resolve("lora_all").toString(),
                "--out",
                merged.toString());
        assertThat(code).isZero();
        assertThat(Main.run("model", "diff", llama.toString(), merged.toString()))
                .isEqualTo(1);
        assertThat(merged.resolve("tokenizer.json")).hasSameBinaryContentAs(llama.resolve("tokenizer.json"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "gpt2"})
    void scoresAddUpToTheReferences(String name) throws IOException {
        JsonNode dpo = vectors(name).get("dpo");
        List<String> lines = new ArrayList<>();
        for (JsonNode pair : dpo.get("pairs")) {
            ObjectNode line = JSON.createObjectNode();
            var ids = line.putArray("ids");
            pair.get("prompt_ids").forEach(ids::add);
            pair.get("chosen_ids").forEach(ids::add);
            lines.add(line.toString());
        }
        List<JsonNode> found = run(name, "score", lines, "--batch-tokens", "50");
        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i).get("ids"))
                    .isEqualTo(JSON.readTree(lines.get(i)).get("ids"));
            JsonNode logProbs = found.get(i).get("logprobs");
            assertThat(logProbs).hasSize(found.get(i).get("ids").size() - 1);
            double sum = 0;
            for (int t = dpo.at("/pairs/" + i + "/prompt_ids").size() - 1; t < logProbs.size(); t++) {
                sum += logProbs.get(t).doubleValue();
            }
            assertThat(sum).isCloseTo(dpo.get("policy_chosen").get(i).doubleValue(), within(2e-4));
        }
    }

    @Test
    void textsAreEncodedWithOneBeginToken() throws IOException {
        List<JsonNode> found = run(
                "llama",
                "score",
                List.of(
                        "{\"prompt\": \"boats\", \"completion\": \" left\"}",
                        "{\"messages\": [{\"role\": \"user\", \"content\": \"boats\"}]}",
                        "{\"ids\": [7]}"));
        assertThat(ids(found.get(0))).startsWith(0).containsOnlyOnce(0);
        assertThat(ids(found.get(1))).startsWith(0).containsOnlyOnce(0);
        assertThat(found.get(2).toString()).isEqualTo("{\"ids\":[7],\"logprobs\":[]}");
    }

    @Test
    void aClassifierScoresEachText() throws IOException {
        JsonNode vectors = vectors("reward_qwen2");
        List<String> lines = new ArrayList<>();
        vectors.get("sequences").forEach(ids -> lines.add("{\"ids\": " + ids + "}"));
        List<JsonNode> found = run("reward_qwen2", "score", lines);
        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i).get("score").doubleValue())
                    .isCloseTo(vectors.get("scores_alone").get(i).doubleValue(), within(1e-4));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mistral", "qwen2", "gemma2"})
    void greedyCompletionsAreTheReferencesInTheInputsOrder(String name) throws IOException {
        JsonNode cases = vectors(name).get("greedy");
        List<String> lines = new ArrayList<>();
        cases.forEach(one -> lines.add("{\"ids\": " + one.get("prompt") + "}"));
        List<JsonNode> found = run(
                name, "generate", lines, "--max-new-tokens", "24", "--greedy", "--ignore-eos", "--batch-tokens", "40");
        List<Integer> eosIds = new ArrayList<>();
        vectors(name).get("eos_ids").forEach(id -> eosIds.add(id.intValue()));
        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i).get("ids")).isEqualTo(cases.get(i).get("prompt"));
            int[] completion = ids(found.get(i).get("completion_ids"));
            assertThat(completion).hasSize(24);
            // The reference never chooses an end token; what follows one is another text.
            int length = 0;
            while (length < 24 && !eosIds.contains(completion[length])) {
                length++;
            }
            assertThat(Arrays.copyOf(completion, length))
                    .containsExactly(Arrays.copyOf(ids(cases.get(i).get("completion")), length));
            assertThat(found.get(i).get("completion").isTextual()).isTrue();
        }
    }

    @Test
    void samplesAreAFunctionOfTheSeed() throws IOException {
        List<String> lines =
                List.of("{\"prompt\": \"boats\"}", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}");
        String[] options = {
            "--max-new-tokens",
            "12",
            "--temperature",
            "0.9",
            "--top-k",
            "40",
            "--top-p",
            "0.95",
            "--min-p",
            "0.001",
            "--seed",
            "3"
        };
        List<JsonNode> first = run("llama", "generate", lines, options);
        assertThat(run("llama", "generate", lines, options)).isEqualTo(first);
        options[options.length - 1] = "4";
        assertThat(run("llama", "generate", lines, options)).isNotEqualTo(first);
        assertThat(ids(first.get(1))).startsWith(0).containsOnlyOnce(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '^',
            value = {
                "score    | {\"ids\": [1, 384]} | ids[1]: found 384, expected a token id from 0 to 383",
                "score    | {\"ids\": [1, 2.5]} | ids[1]: found 2.5, expected a token id from 0 to 383",
                "score    | {\"ids\": []} | ids: found [], expected a list of token ids, at least one",
                "score    | {\"text\": \"a\"} | found none of the keys ids, prompt, messages, expected one",
                "score    | {\"ids\": [1], \"prompt\": \"a\"} | found ids and prompt of the keys ids, prompt, messages, expected one",
                "score    | {\"prompt\": \"a\"} | completion: found nothing, expected a text",
                "generate | [1, 2] | found no JSON object, expected one a line",
                "generate | {\"ids\": [1 | not JSON: Unexpected end-of-input",
                "generate | {\"messages\": [{\"role\": \"robot\", \"content\": \"a\"}]} | ../model/src/test/resources/vectors/models/llama/chat_template.jinja: the chat template refuses the messages: unknown role robot",
                "generate | {\"messages\": []} | messages: found [], expected a list of messages, each an object with role and content",
            })
    void whatIsWrongIsToldWithFileAndLineBeforeAnyWork(String command, String line, String message) throws IOException {
        Files.writeString(input, "{\"ids\": [1, 2]}\n" + line + "\n");
        List<String> arguments = new ArrayList<>(arguments("llama", command));
        if (command.equals("generate")) {
            arguments.addAll(List.of("--max-new-tokens", "2", "--greedy"));
        }
        assertThat(errors(arguments)).startsWith(input + ":2: " + message).hasLineCount(1);
        assertThat(output).doesNotExist();
    }

    @Test
    void aTextBeyondTheLearnedPositionsIsTold() throws IOException {
        Files.writeString(input, "{\"ids\": [1, 2, 3]}\n");
        List<String> arguments = new ArrayList<>(arguments("gpt2", "generate"));
        arguments.addAll(List.of("--max-new-tokens", "126", "--greedy"));
        assertThat(errors(arguments))
                .startsWith(input + ":1: found 3 tokens and --max-new-tokens 126, expected at most 128 together");
        Files.writeString(input, "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n");
        assertThat(errors(arguments)).startsWith(input + ":1: ").contains("gpt2 has no chat template");
    }

    @Test
    void optionsWithoutEffectAreTold() throws IOException {
        Files.writeString(input, "{\"ids\": [1]}\n");
        List<String> arguments = new ArrayList<>(arguments("llama", "generate"));
        arguments.addAll(List.of("--max-new-tokens", "2", "--greedy", "--top-k", "3", "--seed", "1"));
        assertThat(errors(arguments))
                .startsWith("--seed, --top-k: without effect together with --greedy, expected one or the other");
    }

    @Test
    void infoShowsWhatADirectoryHolds() throws IOException {
        JsonNode facts = JSON.readTree(
                printed(0, "model", "info", VECTORS.resolve("gemma2").toString(), "--json"));
        assertThat(facts.get("architecture").textValue()).isEqualTo("Gemma2ForCausalLM");
        assertThat(facts.get("parameters").longValue()).isEqualTo(384 * 32 + 3 * 13_952 + 32);
        assertThat(facts.get("dtype").textValue()).isEqualTo("F32");
        assertThat(facts.get("windows").textValue()).isEqualTo("16 tokens in 2 of 3 layers");
        assertThat(facts.get("eos_ids").toString()).isEqualTo("[5]");
        assertThat(facts.get("begin_ids").toString()).isEqualTo("[0]");
        assertThat(printed(
                        0, "model", "info", VECTORS.resolve("llama_tied_bf16").toString()))
                .contains("dtype                    BF16", "chat template            prefix-preserving");
    }

    @Test
    void diffTellsWhichTensorsDiffer() throws IOException {
        String llama = VECTORS.resolve("llama").toString();
        assertThat(printed(
                        0,
                        "model",
                        "diff",
                        llama,
                        VECTORS.resolve("llama/model.safetensors").toString()))
                .isEqualTo("21 tensors, 0 different, largest difference 0.0\n");
        String after = VECTORS.resolve("llama/after_3_sgd.safetensors").toString();
        assertThat(printed(1, "model", "diff", llama, after))
                .contains("model.embed_tokens.weight: largest difference ")
                .contains("21 tensors, 21 different, largest difference ");
        assertThat(printed(0, "model", "diff", llama, after, "--tolerance", "1"))
                .startsWith("21 tensors, 0 different");
        JsonNode other = JSON.readTree(printed(
                1, "model", "diff", llama, VECTORS.resolve("reward_llama").toString(), "--json"));
        assertThat(other.at("/differences/score.weight").textValue()).startsWith("only in ");
    }

    private List<JsonNode> run(String model, String command, List<String> lines, String... options) throws IOException {
        Files.write(input, lines);
        List<String> arguments = new ArrayList<>(arguments(model, command));
        arguments.addAll(List.of(options));
        assertThat(Main.run(arguments.toArray(new String[0]))).isZero();
        List<JsonNode> found = new ArrayList<>();
        for (String line : Files.readAllLines(output)) {
            found.add(JSON.readTree(line));
        }
        assertThat(found).hasSize(lines.size());
        return found;
    }

    private List<String> arguments(String model, String command) {
        return List.of(
                "model",
                command,
                "--model",
                VECTORS.resolve(model).toString(),
                "--input",
                input.toString(),
                "--output",
                output.toString());
    }

    private static String errors(List<String> arguments) {
        PrintStream before = System.err;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(Main.run(arguments.toArray(new String[0]))).isEqualTo(Main.BAD_INPUT);
        } finally {
            System.setErr(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static String printed(int code, String... arguments) {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(Main.run(arguments)).isEqualTo(code);
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static JsonNode vectors(String name) {
        try {
            return JSON.readTree(VECTORS.resolve(name).resolve("vectors.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int[] ids(JsonNode line) {
        JsonNode list = line.isArray() ? line : line.get("ids");
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = list.get(i).intValue();
        }
        return ids;
    }
}
