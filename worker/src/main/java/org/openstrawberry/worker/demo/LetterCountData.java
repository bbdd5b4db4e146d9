package org.openstrawberry.worker.demo;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.openstrawberry.config.InvalidInputException;

/**
 * Makes the data of the shipped run {@code letter-count} from a list of words.
 *
 * <p>A quarter of the words is held out, {@code strawberry}, {@code raspberry} and {@code mississippi} always. No word or
 * random string of the training prompts and of the warm-up is, or contains, a word held out. The warm-up mixes three
 * {@linkplain Writer writers}, so that the base policy has bad habits for preference training to mend.
 */
public final class LetterCountData {

    /** The seed of the files that are shipped. */
    public static final long SHIPPED_SEED = 20_260;

    /** Training prompts: words that may be asked about again and again, and random strings. */
    static final int TRAIN_LINES = 4_000;

    /** At 1,000 steps of 64 lines each line is learnt from three times. */
    static final int WARMUP_LINES = 20_000;

    /** Pairs for a reward model. */
    static final int PREFERENCE_LINES = 6_000;

    private static final List<Question> ALWAYS_HELD_OUT =
            List.of(new Question('r', "strawberry"), new Question('r', "raspberry"), new Question('s', "mississippi"));
    private static final double HELD_OUT_SHARE = 0.25;
    private static final double RANDOM_STRINGS_SHARE = 0.5;

    private static final double CAREFUL_SHARE = 0.18;
    private static final double SLOPPY_SHARE = 0.24;

    // The verifier's completions must fit: a word of 12 letters, 4 numbers, the answer and the end are 31 tokens.
    private static final int LONGEST_WORD = 12;
    private static final int MOST_HITS = 4;

    private static final Pattern WORD = Pattern.compile("[a-z]{1," + LONGEST_WORD + "}");

    private final Set<String> heldOut;
    private final List<String> trained;

    private LetterCountData(List<String> words, Draws draws) {
        heldOut = holdOut(words, draws);
        trained = words.stream().filter(word -> !heldOut.contains(word)).toList();
    }

    /**
     * Writes {@code heldout.jsonl}, {@code train.jsonl}, {@code warmup.jsonl} and {@code preferences.jsonl}, and
     * {@code words.txt}, a copy of the words. Equal words and seed give equal bytes.
     *
     * @param words one word a line, letters a to z only, 12 at most
     * @param seed of the split and of everything that is drawn
     * @param outDir made if it is not there; files of those names in it are replaced
     * @throws InvalidInputException if the words cannot be read or used
     * @throws UncheckedIOException if a file cannot be written
     */
    public static void write(Path words, long seed, Path outDir) {
        List<String> list = read(words);
        // A sequence of its own for each file: a change of one leaves the others as they are.
        Draws split = new Draws(seed);
        Draws asked = new Draws(seed + 1);
        Draws trainDraws = new Draws(seed + 2);
        Draws warmupDraws = new Draws(seed + 3);
        Draws preferenceDraws = new Draws(seed + 4);
        LetterCountData data = new LetterCountData(list, split);
        try {
            Files.createDirectories(outDir);
            writeLines(outDir.resolve("words.txt"), list);
            writeLines(outDir.resolve("heldout.jsonl"), data.heldOutLines(asked));
            writeLines(outDir.resolve("train.jsonl"), data.trainLines(trainDraws));
            writeLines(outDir.resolve("warmup.jsonl"), data.warmupLines(warmupDraws));
            writeLines(outDir.resolve("preferences.jsonl"), data.preferenceLines(preferenceDraws));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the letter-count data to " + outDir, e);
        }
    }

    private static List<String> read(Path file) {
        List<String> words;
        try {
            words = Files.readAllLines(file);
        } catch (NoSuchFileException e) {
            throw new InvalidInputException(file + ": no such file", e);
        } catch (IOException e) {
            throw new InvalidInputException(file + ": cannot be read: " + e.getMessage(), e);
        }
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < words.size(); i++) {
            String word = words.get(i);
            String place = file + ":" + (i + 1) + ": ";
            if (!WORD.matcher(word).matches()) {
                throw new InvalidInputException(
                        place + "expected a word of 1 to " + LONGEST_WORD + " letters a to z, found \"" + word + "\"");
            }
            if (!seen.add(word)) {
                throw new InvalidInputException(place + "the word \"" + word + "\" stands twice");
            }
        }
        for (Question question : ALWAYS_HELD_OUT) {
            if (!seen.contains(question.word())) {
                throw new InvalidInputException(file + ": the word \"" + question.word() + "\" is missing");
            }
        }
        return words;
    }

    /** A quarter of the words; with a word go all that contain it, lest its spelling be learnt from them. */
    private static Set<String> holdOut(List<String> words, Draws draws) {
        int wanted = (int) Math.round(HELD_OUT_SHARE * words.size());
        List<String> shuffled = new ArrayList<>(words);
        draws.shuffle(shuffled);
        ALWAYS_HELD_OUT.forEach(question -> shuffled.remove(question.word()));
        for (int i = 0; i < ALWAYS_HELD_OUT.size(); i++) {
            shuffled.add(i, ALWAYS_HELD_OUT.get(i).word());
        }
        Set<String> heldOut = new LinkedHashSet<>();
        for (String word : shuffled) {
            if (heldOut.size() >= wanted) {
                break;
            }
            words.stream().filter(other -> other.contains(word)).forEach(heldOut::add);
        }
        return heldOut;
    }

    /** One question a word: those that are always held out first, the others by the alphabet. */
    private List<String> heldOutLines(Draws draws) {
        List<String> lines = new ArrayList<>();
        Set<String> others = new TreeSet<>(heldOut);
        for (Question question : ALWAYS_HELD_OUT) {
            others.remove(question.word());
            lines.add(promptLine(question));
        }
        others.forEach(word -> lines.add(promptLine(ask(word, draws))));
        return lines;
    }

    private List<String> trainLines(Draws draws) {
        List<String> lines = new ArrayList<>();
        while (lines.size() < TRAIN_LINES) {
            lines.add(promptLine(anyQuestion(draws)));
        }
        return lines;
    }

    private List<String> warmupLines(Draws draws) {
        List<String> lines = new ArrayList<>();
        while (lines.size() < WARMUP_LINES) {
            Question question = anyQuestion(draws);
            ObjectNode line = JsonNodeFactory.instance.objectNode();
            line.put("prompt", question.prompt());
            line.put("completion", writer(draws).answer(question, draws));
            lines.add(line.toString());
        }
        return lines;
    }

    /** A right answer is preferred to a wrong one, whoever wrote them. */
    private List<String> preferenceLines(Draws draws) {
        List<String> lines = new ArrayList<>();
        while (lines.size() < PREFERENCE_LINES) {
            Question question = anyQuestion(draws);
            String chosen = writer(draws).answer(question, draws);
            String rejected = writer(draws).answer(question, draws);
            if (isRight(chosen, question) && !isRight(rejected, question)) {
                ObjectNode line = JsonNodeFactory.instance.objectNode();
                line.put("prompt", question.prompt());
                line.put("chosen", chosen);
                line.put("rejected", rejected);
                lines.add(line.toString());
            }
        }
        return lines;
    }

    private static boolean isRight(String answer, Question question) {
        return answer.endsWith("=" + question.answer());
    }

    private static Writer writer(Draws draws) {
        double drawn = draws.uniform();
        if (drawn < CAREFUL_SHARE) {
            return Writer.CAREFUL;
        }
        return drawn < CAREFUL_SHARE + SLOPPY_SHARE ? Writer.SLOPPY : Writer.HASTY;
    }

    private static String promptLine(Question question) {
        ObjectNode line = JsonNodeFactory.instance.objectNode();
        line.put("prompt", question.prompt());
        line.put("answer", question.answer());
        return line.toString();
    }

    private Question anyQuestion(Draws draws) {
        return ask(draws.chance(RANDOM_STRINGS_SHARE) ? randomString(draws) : draws.oneOf(trained), draws);
    }

    /** 4 to 12 letters of a few, so that letters come back and stand doubled as they do in words. */
    private String randomString(Draws draws) {
        while (true) {
            int length = draws.between(4, LONGEST_WORD);
            List<Character> pool = new ArrayList<>();
            for (int size = draws.between(2, 6); pool.size() < size; ) {
                pool.add(draws.letter());
            }
            StringBuilder letters = new StringBuilder();
            while (letters.length() < length) {
                boolean again = letters.length() > 0 && draws.chance(0.25);
                letters.append(again ? letters.charAt(letters.length() - 1) : (char) draws.oneOf(pool));
            }
            String string = letters.toString();
            if (heldOut.stream().noneMatch(string::contains)) {
                return string;
            }
        }
    }

    /** Asks for the word's most frequent letter (one in two), another of its letters, or any. */
    private static Question ask(String word, Draws draws) {
        while (true) {
            double drawn = draws.uniform();
            char letter;
            if (drawn < 0.5) {
                letter = mostFrequent(word);
            } else if (drawn < 0.85) {
                letter = word.charAt(draws.below(word.length()));
            } else {
                letter = draws.letter();
            }
            if (Question.count(word, letter) <= MOST_HITS) {
                return new Question(letter, word);
            }
        }
    }

    private static char mostFrequent(String word) {
        // The first of several that are equally frequent.
        return (char) word.chars()
                .boxed()
                .max(Comparator.comparingInt((Integer letter) -> Question.count(word, (char) letter.intValue()))
                        .thenComparingInt(letter -> -word.indexOf(letter)))
                .orElseThrow()
                .intValue();
    }

    private static void writeLines(Path file, List<String> lines) throws IOException {
        Files.writeString(file, String.join("\n", lines) + "\n", StandardCharsets.UTF_8);
    }
}
