package org.openstrawberry.model.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;

class ChatTemplateTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<Map<String, Object>> HELLO = List.of(Map.of("role", "user", "content", "hello"));

    static List<String> templates() {
        return Vectors.chatTemplates();
    }

    @ParameterizedTest
    @ValueSource(strings = {"chatml", "headers"})
    void textsAndIdsAreThoseOfTransformers(String name) throws IOException {
        Path directory = Vectors.tokenizer(name);
        ChatTemplate template = new ChatTemplate(
                name,
                Files.readString(directory.resolve("chat_template.jinja")),
                Map.of("bos_token", "<|begin_of_text|>", "eos_token", "<|eot_id|>"));
        try (Tokenizer tokenizer = Tokenizer.open(directory.resolve("tokenizer.json"))) {
            for (JsonNode chat : Vectors.json(directory.resolve("cases.json")).get("chats")) {
                String text = template.render(
                        messages(chat.get("messages")),
                        chat.get("add_generation_prompt").booleanValue());
                assertThat(text).isEqualTo(chat.get("text").textValue());
                assertThat(tokenizer.encodeWithout(text)).containsExactly(Vectors.ids(chat.get("ids")));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("templates")
    void publishedKindsOfTemplatesRenderAsInTransformers(String name) {
        JsonNode cases = Vectors.json(Vectors.chatTemplate(name));
        ChatTemplate template = new ChatTemplate(
                name,
                cases.get("template").textValue(),
                JSON.convertValue(cases.get("special_tokens"), new TypeReference<>() {}));
        for (JsonNode chat : cases.get("chats")) {
            List<Map<String, Object>> messages = messages(chat.get("messages"));
            boolean prompt = chat.get("add_generation_prompt").booleanValue();
            if (chat.has("error")) {
                assertThatThrownBy(() -> template.render(messages, prompt))
                        .isInstanceOf(InvalidInputException.class)
                        .hasMessageContaining(chat.get("error").textValue());
            } else {
                assertThat(template.render(messages, prompt))
                        .as(chat.get("messages").toString())
                        .isEqualTo(chat.get("text").textValue());
            }
        }
    }

    @Test
    void theTemplateIsFoundInAFileOfItsOwnOrInTheTokenizersConfiguration(@TempDir Path temporary) throws IOException {
        Path directory = Vectors.copy(Vectors.model("llama_rope_llama3"), temporary.resolve("model"));
        assertThat(render(directory)).startsWith("<|begin_of_text|>\n<|start_header_id|>user");

        Path file = directory.resolve("tokenizer_config.json");
        var config = (com.fasterxml.jackson.databind.node.ObjectNode) Vectors.json(file);
        var list = config.putArray("chat_template");
        list.addObject().put("name", "tool_use").put("template", "tools");
        list.addObject().put("name", "default").put("template", "{{ eos_token }}");
        config.putObject("eos_token").put("content", "<|eot_id|>");
        JSON.writeValue(file.toFile(), config);
        assertThat(render(directory)).isEqualTo("<|eot_id|>");

        Files.writeString(directory.resolve("chat_template.jinja"), "its own\n");
        assertThat(render(directory)).isEqualTo("its own");

        Files.delete(directory.resolve("chat_template.jinja"));
        config.putArray("chat_template");
        JSON.writeValue(file.toFile(), config);
        assertThatThrownBy(() -> ModelDirectory.open(directory).chatTemplate())
                .hasMessage(file + ": chat_template: found [], expected a text, or a list with a template named"
                        + " \"default\"");
        config.remove("chat_template");
        JSON.writeValue(file.toFile(), config);
        assertThat(ModelDirectory.open(directory).chatTemplate()).isEmpty();
    }

    @Test
    void aRenderedChatHasOneBeginToken() {
        ModelDirectory directory = ModelDirectory.open(Vectors.model("llama"));
        String text = directory.chatTemplate().orElseThrow().render(HELLO, true);
        try (Tokenizer tokenizer = directory.tokenizer()) {
            assertThat(tokenizer.encodeWithout(text)).startsWith(0).containsOnlyOnce(0);
            assertThat(tokenizer.encode("hello")).startsWith(0).containsOnlyOnce(0);
        }
    }

    @Test
    void aRefusalOfTheTemplateIsTold() {
        ChatTemplate template = new ChatTemplate("here", "a\n{{ raise_exception('roles must alternate') }}", Map.of());
        assertThatThrownBy(() -> template.render(HELLO, true))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("here: the chat template refuses the messages: roles must alternate");
        assertThatThrownBy(() -> new ChatTemplate("here", "{% for %}", Map.of()).render(HELLO, true))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith("here:1: the chat template cannot be rendered: ");
        assertThatThrownBy(() -> new ChatTemplate("here", "{{ 'a'.getClass() }}", Map.of()).render(HELLO, true))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("here: the chat template refuses the messages: the method getClass of a text is not"
                        + " supported");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{% for m in messages if m.role == 'user' %}a{% endfor %} | a loop with a condition (for … in … if …)",
                "{% for m in messages %}{% if m %}a{% else %}b{% endif %}{%- else -%}c{% endfor %} | a loop with an else",
            })
    void whatTheLibraryWouldPassOverIsTold(String template, String what) {
        assertThatThrownBy(() -> new ChatTemplate("here", template, Map.of()).render(HELLO, true))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("here: the chat template has " + what + ", which is not supported");
    }

    @Test
    void aTemplateThatRewritesEarlierTurnsIsTold() throws IOException {
        ChatTemplate keeps = new ChatTemplate(
                "keeps", Files.readString(Vectors.tokenizer("chatml").resolve("chat_template.jinja")), Map.of());
        keeps.requirePrefixPreserving();
        ChatTemplate drops = new ChatTemplate(
                "drops",
                "{% for m in messages %}<{{ m.role }}>{{ m.content.split('</think>')[-1].strip() }}{% endfor %}"
                        + "{% if add_generation_prompt %}<assistant>{% endif %}",
                Map.of());
        assertThatThrownBy(drops::requirePrefixPreserving)
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith("drops: the chat template is not prefix-preserving: after ")
                .hasMessageContaining("a prompt with its answer goes on with \"Yes.\", expected \"<think>\\nOne");
    }

    @Test
    void theClockIsReadByPythonsFormat() {
        assertThat(TemplateFunctions.strftime(
                        "%d %b %Y, %A %-d %B %y %H:%M:%S %I%p %j 100%%", LocalDateTime.of(2024, 7, 4, 15, 6, 9)))
                .isEqualTo("04 Jul 2024, Thursday 4 July 24 15:06:09 03PM 186 100%");
    }

    private static String render(Path directory) {
        return ModelDirectory.open(directory).chatTemplate().orElseThrow().render(HELLO, true);
    }

    private static List<Map<String, Object>> messages(JsonNode list) {
        return JSON.convertValue(list, new TypeReference<>() {});
    }
}
