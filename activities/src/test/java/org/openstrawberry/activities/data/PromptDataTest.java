package org.openstrawberry.activities.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.DataSpec;
import org.openstrawberry.config.DataSpec.OnError;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;

/** What is left out of the prompts, and what is held out. */
class PromptDataTest {
    private static final PromptData.Reading PLAIN = new PromptData.Reading(
            row -> {
                if (row.prompt().contains("bad")) {
                    throw new IllegalArgumentException("field \"answer\" is missing");
                }
            },
            row -> {
                if (row.prompt().contains("unjudged")) {
                    throw new IllegalArgumentException("field \"right\" is missing");
                }
            },
            messages -> "<user>" + messages.get(0).path("content").textValue(),
            row -> row.prompt().length());

    @TempDir
    private Path folder = Path.of("");

    private Path file(String name, String... prompts) throws IOException {
        return Files.writeString(
                folder.resolve(name),
                List.of(prompts).stream()
                        .map(prompt -> prompt.startsWith("{") ? prompt : "{\"prompt\":\"" + prompt + "\"}")
                        .collect(Collectors.joining("\n")));
    }

    private static DataSpec spec(
            Path prompts, Optional<Double> fraction, Optional<Integer> longest, boolean unique, OnError onError) {
        return new DataSpec(
                prompts.toString(),
                Optional.empty(),
                "prompt",
                Optional.empty(),
                fraction,
                longest,
                unique,
                Optional.of(onError));
    }

    private static List<String> texts(List<PromptRow> rows) {
        return rows.stream().map(PromptRow::prompt).toList();
    }

    @Test
    void withoutFurtherSettingsEveryRowIsUsedAsItIs() throws IOException {
        Path file = file("p.jsonl", "a", "a", "bbbb");

        PromptData data = PromptData.read(DataSpec.of(file.toString(), Optional.empty(), "prompt"), PLAIN);

        assertThat(texts(data.training())).containsExactly("a", "a", "bbbb");
        assertThat(data.heldOut()).isEmpty();
        assertThat(data.report().prompts().words()).isEqualTo("p.jsonl: 3 rows, 3 used");
    }

    @Test
    void brokenRepeatedAndLongRowsAreLeftOutAndCounted() throws IOException {
        Path file = file("p.jsonl", "a", "{}", "bad", "bbbb", "a", "ccccc", "dd");

        PromptData data = PromptData.read(spec(file, Optional.empty(), Optional.of(4), true, OnError.SKIP), PLAIN);

        assertThat(texts(data.training())).containsExactly("a", "bbbb", "dd");
        assertThat(data.training()).extracting(PromptRow::row).containsExactly(0, 3, 6);
        assertThat(data.report().prompts().words())
                .isEqualTo("p.jsonl: 7 rows, 3 used; left out: 2 broken, 1 repeated, 1 too long");
    }

    @Test
    void aRowThatTheRewardCannotUseIsNamed() throws IOException {
        Path file = file("p.jsonl", "a", "bad");

        assertThatThrownBy(() ->
                        PromptData.read(spec(file, Optional.empty(), Optional.empty(), false, OnError.FAIL), PLAIN))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ":2: field \"answer\" is missing");
    }

    @Test
    void nothingLeftIsAnErrorThatSaysWhy() throws IOException {
        Path file = file("p.jsonl", "aaaaa", "bad");

        assertThatThrownBy(
                        () -> PromptData.read(spec(file, Optional.empty(), Optional.of(3), false, OnError.SKIP), PLAIN))
                .hasMessage(file + ": no prompt is left of 2 rows: 1 are broken, 0 repeated, 1 too long");
    }

    @Test
    void chatsAreRenderedAndMeasuredAsText() throws IOException {
        Path file = file(
                "p.jsonl",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"ab\"}]}",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"abc\"}]}");

        PromptData data = PromptData.read(spec(file, Optional.empty(), Optional.of(8), false, OnError.FAIL), PLAIN);

        assertThat(texts(data.training())).containsExactly("<user>ab");
    }

    @Test
    void aShareIsHeldOutByTheTextAloneAndNothingIsInBoth() throws IOException {
        String[] prompts =
                IntStream.range(0, 1000).mapToObj(i -> "prompt " + i % 900).toArray(String[]::new);
        Path file = file("p.jsonl", prompts);
        DataSpec spec = spec(file, Optional.of(0.2), Optional.empty(), false, OnError.FAIL);

        PromptData data = PromptData.read(spec, PLAIN);

        assertThat(data.heldOut().size()).isBetween(150, 250);
        assertThat(data.training()).hasSize(1000 - data.heldOut().size());
        assertThat(texts(data.training())).doesNotContainAnyElementsOf(texts(data.heldOut()));
        assertThat(data.report().prompts().heldOut()).isEqualTo(data.heldOut().size());

        // Other rows beside them, and in another order: the same are held out.
        Path other = file("q.jsonl", "new", "prompt 7", "prompt 3", "prompt 11", "prompt 0", "prompt 9", "prompt 12");
        PromptData again = PromptData.read(spec(other, Optional.of(0.2), Optional.empty(), false, OnError.FAIL), PLAIN);
        assertThat(texts(again.heldOut()))
                .allSatisfy(text -> assertThat(texts(data.training())).doesNotContain(text));
        assertThat(texts(again.training()))
                .allSatisfy(text -> assertThat(texts(data.heldOut())).doesNotContain(text));
    }

    @Test
    void whatIsHeldOutStaysTheSameForGood() {
        // Pinned: another rule would mix training and held-out prompts of runs that are forked or compared.
        assertThat(IntStream.range(0, 40).filter(i -> PromptData.isHeldOut("prompt " + i, 0.1)))
                .containsExactly(14, 15, 19);
    }

    @Property
    void aGreaterShareHoldsOutWhatASmallerDoes(
            @ForAll String text,
            @ForAll @DoubleRange(min = 0, max = 1) double share,
            @ForAll @DoubleRange(min = 0, max = 1) double other) {
        boolean least = PromptData.isHeldOut(text, Math.min(share, other));

        assertThat(!least || PromptData.isHeldOut(text, Math.max(share, other))).isTrue();
    }

    @Test
    void aFractionThatLeavesNothingIsRefused() throws IOException {
        Path file = file("p.jsonl", "a");

        assertThatThrownBy(() ->
                        PromptData.read(spec(file, Optional.of(0.5), Optional.empty(), false, OnError.FAIL), PLAIN))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining("data.held-out-fraction leaves no prompts");
    }

    @Test
    void theJudgeOnlyHasToUnderstandRowsThatAreHeldOut() throws IOException {
        DataSpec apart = DataSpec.of(
                file("train.jsonl", "a", "unjudged").toString(),
                Optional.of(file("held.jsonl", "b", "unjudged").toString()),
                "prompt");

        assertThatThrownBy(() -> PromptData.read(apart, PLAIN))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageEndingWith("held.jsonl:2: field \"right\" is missing");
    }
}
