package org.openstrawberry.model.chat;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.interpret.TemplateError.ErrorReason;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.InvalidInputException;

/**
 * A model's chat template, rendered to the same text as by transformers: Jinja with {@code trim_blocks} and
 * {@code lstrip_blocks}, Python's methods of texts, lists and dictionaries, {@code raise_exception},
 * {@code strftime_now} and transformers' {@code tojson}. Loops with a condition or an {@code else} are refused.
 *
 * <p>A template holds the special tokens itself, so its text is to be encoded without adding any
 * ({@link org.openstrawberry.model.pretrained.Tokenizer#encodeWithout}); else the begin token stands twice.
 */
public final class ChatTemplate {
    private static final JinjavaConfig CONFIG = JinjavaConfig.newBuilder()
            .withTrimBlocks(true)
            .withLstripBlocks(false) // by Dialect, since the library also strips spaces that follow a text
            .withKeepTrailingNewline(true) // the template's own last line break is taken off below, as Jinja does
            .withNestedInterpretationEnabled(false) // what a user writes is text, never template
            .withLegacyOverrides(LegacyOverrides.newBuilder()
                    .withEvaluateMapKeys(true)
                    .withIterateOverMapKeys(true)
                    .withUsePyishObjectMapper(true)
                    .withUseNaturalOperatorPrecedence(true)
                    .withParseWhitespaceControlStrictly(true)
                    .withAllowAdjacentTextNodes(true)
                    .withUseTrimmingForNotesAndExpressions(true)
                    .withKeepNullableLoopValues(true)
                    .build())
            .withElResolver(PythonMethods.resolver())
            .build();

    private final String source;
    private final String template;
    private final Map<String, String> specialTokens;

    /**
     * A template.
     *
     * @param source where it was found, for messages
     * @param template Jinja
     * @param specialTokens texts by name, such as {@code bos_token}
     */
    public ChatTemplate(String source, String template, Map<String, String> specialTokens) {
        this.source = source;
        String unix = template.replace("\r\n", "\n").replace('\r', '\n');
        this.template = Dialect.ofTheLibrary(unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix);
        this.specialTokens = Map.copyOf(specialTokens);
    }

    /**
     * The text of a chat.
     *
     * @param messages each with {@code role} and {@code content}, and what else the template reads: texts, numbers,
     *     booleans, lists and maps
     * @param addGenerationPrompt whether the text ends where the assistant's answer begins
     * @return to be encoded without adding special tokens
     * @throws InvalidInputException if the template refuses the messages, or cannot be rendered
     */
    public String render(List<Map<String, Object>> messages, boolean addGenerationPrompt) {
        Optional<String> missing = Dialect.missing(template);
        if (missing.isPresent()) {
            throw new InvalidInputException(
                    source + ": the chat template has " + missing.get() + ", which is not supported");
        }
        Map<String, Object> variables = new LinkedHashMap<>(specialTokens);
        variables.put("messages", new ArrayList<>(messages));
        variables.put("add_generation_prompt", addGenerationPrompt);
        RenderResult result = jinjava().renderForResult(template, variables);
        for (TemplateError error : result.getErrors()) {
            if (error.getReason() != ErrorReason.UNKNOWN) {
                throw new InvalidInputException(source + reason(error), error.getException());
            }
        }
        return result.getOutput();
    }

    /**
     * Whether the text of a chat up to where the assistant begins to write is what the text of the whole chat begins with.
     * Only then is a completion that was sampled after the first the one that is trained on in the second. Templates that
     * rewrite earlier turns, such as those that drop a model's thoughts, are not.
     *
     * @throws InvalidInputException if it is not: the message shows where the two part
     */
    public void requirePrefixPreserving() {
        List<Map<String, Object>> question = List.of(message("user", "How many?"));
        requirePrefix(question, message("assistant", "Three, or four."));
        List<Map<String, Object>> longer =
                List.of(message("user", "How many?"), message("assistant", "Three."), message("user", "Are you sure?"));
        requirePrefix(longer, message("assistant", "<think>\nOne, two, three.\n</think>\n\nYes."));
    }

    /**
     * As {@link #requirePrefixPreserving()}, for a chat and its answer.
     *
     * @param prompt messages before the answer
     * @param answer the assistant's message
     * @throws InvalidInputException if the text of the prompt is not what the text with the answer begins with
     */
    public void requirePrefix(List<Map<String, Object>> prompt, Map<String, Object> answer) {
        List<Map<String, Object>> whole = new ArrayList<>(prompt);
        whole.add(answer);
        String before = render(prompt, true);
        String after = render(whole, false);
        if (!after.startsWith(before + answer.get("content"))) {
            String expected = before + answer.get("content");
            int at = 0;
            while (at < Math.min(expected.length(), after.length()) && expected.charAt(at) == after.charAt(at)) {
                at++;
            }
            throw new InvalidInputException(source + ": the chat template is not prefix-preserving: after "
                    + quoted(expected.substring(Math.max(0, at - 20), at)) + " a prompt with its answer goes on with "
                    + quoted(after.substring(at, Math.min(after.length(), at + 40))) + ", expected "
                    + quoted(expected.substring(at, Math.min(expected.length(), at + 40)))
                    + "; the text of a longer chat would not hold what was sampled");
        }
    }

    private static Map<String, Object> message(String role, String content) {
        return Map.of("role", role, "content", content);
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\n", "\\n") + "\"";
    }

    private static Jinjava jinjava() {
        Jinjava jinjava = new Jinjava(CONFIG);
        jinjava.registerFilter(new PythonJson());
        jinjava.registerTag(new GenerationTag());
        jinjava.getGlobalContext().registerExpTest(new ExactlyFalse());
        jinjava.registerFunction(
                new ELFunctionDefinition("", "raise_exception", TemplateFunctions.class, "raise", Object.class));
        jinjava.registerFunction(
                new ELFunctionDefinition("", "strftime_now", TemplateFunctions.class, "strftimeNow", String.class));
        return jinjava;
    }

    private static String reason(TemplateError error) {
        for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
            if (cause instanceof TemplateFunctions.Raised) {
                return ": the chat template refuses the messages: " + cause.getMessage();
            }
        }
        String message = String.valueOf(error.getMessage()).lines().findFirst().orElse("");
        return ":" + error.getLineno() + ": the chat template cannot be rendered: " + message;
    }
}
