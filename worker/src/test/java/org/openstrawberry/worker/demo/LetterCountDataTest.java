package org.openstrawberry.worker.demo;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.config.WarmupRow;

class LetterCountDataTest {

    private static final List<String> FILES =
            List.of("heldout.jsonl", "preferences.jsonl", "train.jsonl", "warmup.jsonl", "words.txt");

    private final Path folder;
    private final Path shipped;

    LetterCountDataTest(@TempDir Path folder) {
        this.folder = folder;
        shipped = folder.resolve("shipped/letter-count");
        ShippedRuns.copyTo("letter-count", folder.resolve("shipped"));
    }

    @Test
    void theShippedFilesAreThoseOfTheShippedSeed() {
        LetterCountData.write(shipped.resolve("words.txt"), LetterCountData.SHIPPED_SEED, folder.resolve("again"));

        for (String file : FILES) {
            assertThat(folder.resolve("again").resolve(file)).hasSameBinaryContentAs(shipped.resolve(file));
        }
    }

    @Test
    void anotherSeedGivesAnotherSplit() {
        LetterCountData.write(shipped.resolve("words.txt"), 1, folder);

        assertThat(words(prompts("heldout.jsonl", folder)))
                .isNotEqualTo(words(prompts("heldout.jsonl", shipped)))
                .contains("strawberry", "raspberry", "mississippi");
    }

    @Test
    void wordsHeldOutStandInNoOtherPrompt() {
        for (long seed : List.of(LetterCountData.SHIPPED_SEED, 1L, 2L, 3L)) {
            Path made = folder.resolve("seed-" + seed);
            LetterCountData.write(shipped.resolve("words.txt"), seed, made);
            Set<String> heldOut = words(prompts("heldout.jsonl", made));
            Set<String> seen = words(prompts("train.jsonl", made));
            warmup(made).forEach(row -> seen.add(word(row.prompt())));

            // Nor as a part: butterfly would teach how to spell butter.
            assertThat(seen).noneMatch(word -> heldOut.stream().anyMatch(word::contains));
        }
    }

    @Test
    void aQuarterOfTheWordsIsHeldOutAndTheRestTrainedOn() throws IOException {
        List<String> all = Files.readAllLines(shipped.resolve("words.txt"));
        Set<String> heldOut = words(prompts("heldout.jsonl", shipped));
        Set<String> trained = new LinkedHashSet<>(all);
        trained.removeAll(heldOut);

        assertThat(all).containsAll(heldOut);
        assertThat(heldOut).hasSizeBetween(all.size() / 4, all.size() / 4 + 2);
        assertThat(words(prompts("train.jsonl", shipped))).containsAll(trained);
    }

    @Test
    void answersAreRightAndAtMostFour() {
        for (String file : List.of("train.jsonl", "heldout.jsonl")) {
            assertThat(prompts(file, shipped)).allSatisfy(row -> {
                int answer = requireNonNull(row.fields().get("answer")).intValue();
                assertThat(answer).isBetween(0, 4).isEqualTo(count(row.prompt()));
            });
        }
    }

    @Test
    void theFirstQuestionHeldOutIsThatOfTheDemo() {
        assertThat(prompts("heldout.jsonl", shipped).get(0).prompt()).isEqualTo("r in strawberry?");
    }

    @Test
    void theWarmupMixesThreeWriters() {
        Map<String, Long> writers = warmup(shipped).stream()
                .filter(row -> hasDoubledHit(row.prompt()))
                .collect(Collectors.groupingBy(
                        LetterCountDataTest::writerOf, LinkedHashMap::new, Collectors.counting()));
        double all = writers.values().stream().mapToLong(Long::longValue).sum();

        assertThat(writers).containsOnlyKeys("careful", "sloppy", "hasty");
        assertThat(requireNonNull(writers.get("careful")) / all).isBetween(0.15, 0.21);
        assertThat(requireNonNull(writers.get("sloppy")) / all).isBetween(0.21, 0.27);
    }

    @Test
    void rightAnswersArePreferredToWrongOnesAndShowNoWordHeldOut() {
        Set<String> heldOut = words(prompts("heldout.jsonl", shipped));

        assertThat(DataFiles.readPreferences(shipped.resolve("preferences.jsonl")))
                .hasSize(LetterCountData.PREFERENCE_LINES)
                .allSatisfy(row -> {
                    String right = "=" + count(row.prompt());
                    assertThat(row.chosen()).endsWith(right);
                    assertThat(row.rejected()).doesNotEndWith(right);
                    assertThat(heldOut).noneMatch(word(row.prompt())::contains);
                });
    }

    @Test
    void everyAnswerFromNoneToFourIsShownByACarefulWriter() {
        assertThat(warmup(shipped))
                .filteredOn(row -> writerOf(row).equals("careful"))
                .extracting(row -> count(row.prompt()))
                .contains(0, 1, 2, 3, 4);
    }

    @Test
    void writersWriteAsTheRecipeSays() {
        Question question = new Question('r', "strawberry");

        assertThat(Writer.CAREFUL.answer(question, new Draws(1))).isEqualTo("s t r1 a w b e r2 r3 y =3");
        assertThat(Writer.SLOPPY.answer(question, new Draws(1))).isEqualTo("s t r1 a w b e r r2 y =2");
        assertThat(Writer.HASTY.answer(question, new Draws(1))).isIn("=1", "=2");
        assertThat(Writer.CAREFUL.answer(new Question('z', "an"), new Draws(1))).isEqualTo("a n =0");
    }

    @Test
    void completionsFitIntoTheDemosTokens() {
        // One token a character, and the end: 32 are sampled.
        assertThat(warmup(shipped))
                .allSatisfy(row -> assertThat(row.completion()).hasSizeLessThanOrEqualTo(31));
    }

    @Test
    void wordsThatCannotBeUsedAreNamedByTheirLine() throws IOException {
        assertRefused("strawberry\nRaspberry\n", ":2: expected a word of 1 to 12 letters a to z, found \"Raspberry\"");
        assertRefused("strawberry\nraspberry\nstrawberry\n", ":3: the word \"strawberry\" stands twice");
        assertRefused("strawberry\nraspberry\n", ": the word \"mississippi\" is missing");
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> LetterCountData.write(Path.of("no.txt"), 1, folder))
                .withMessage("no.txt: no such file");
    }

    private void assertRefused(String words, String problem) throws IOException {
        Path file = Files.writeString(folder.resolve("own.txt"), words);
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> LetterCountData.write(file, 1, folder.resolve("out")))
                .withMessage(file + problem);
    }

    /** Told without the code that writes: by the last number and, where there is a thought, whether it is right. */
    private static String writerOf(WarmupRow row) {
        if (row.completion().startsWith("=")) {
            return "hasty";
        }
        return row.completion().endsWith("=" + count(row.prompt())) ? "careful" : "sloppy";
    }

    private static boolean hasDoubledHit(String prompt) {
        return word(prompt).contains(prompt.substring(0, 1).repeat(2));
    }

    private static int count(String prompt) {
        return (int) word(prompt)
                .chars()
                .filter(letter -> letter == prompt.charAt(0))
                .count();
    }

    private static Set<String> words(List<PromptRow> rows) {
        return rows.stream().map(row -> word(row.prompt())).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private static String word(String prompt) {
        assertThat(prompt).matches("[a-z] in [a-z]{1,12}\\?");
        return prompt.substring(5, prompt.length() - 1);
    }

    private static List<PromptRow> prompts(String file, Path from) {
        return DataFiles.readPrompts(from.resolve(file), "prompt");
    }

    private static List<WarmupRow> warmup(Path from) {
        return DataFiles.readWarmup(from.resolve("warmup.jsonl"));
    }
}
