package org.openstrawberry.worker.demo;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Makes the data of the shipped run {@code arithmetic-chain}: {@code 17+5-8=?} is to be answered step by step,
 * {@code 17+5:22 22-8:14 =14}. No chain that is held out stands among the others.
 *
 * <p>The warm-up mixes two writers, so that the base policy has bad habits for preference training to mend: one goes step by
 * step but more often than not adds where it should take away, the other guesses. A chain is only right if each of its steps is.
 */
public final class ArithmeticChainData {
    /** The seed of the files that are shipped. */
    public static final long SHIPPED_SEED = 20_261;

    static final int HELD_OUT_LINES = 200;
    static final int TRAIN_LINES = 2_000;
    static final int WARMUP_LINES = 12_000;

    private static final int GREATEST = 30;
    private static final int FEWEST_STEPS = 2;
    private static final int MOST_STEPS = 4;
    private static final double HASTY_SHARE = 0.3;
    private static final double SLIP = 0.6; // of a step that takes away

    private ArithmeticChainData() {}

    /** A step of a chain. */
    record Step(boolean minus, int operand) {
        int of(int value) {
            return minus ? value - operand : value + operand;
        }

        String written() {
            return (minus ? "-" : "+") + operand;
        }
    }

    /** A chain whose values are all from 0 to 30. */
    record Chain(int first, List<Step> steps) {
        String prompt() {
            StringBuilder text = new StringBuilder().append(first);
            steps.forEach(step -> text.append(step.written()));
            return text.append("=?").toString();
        }

        int answer() {
            int value = first;
            for (Step step : steps) {
                value = step.of(value);
            }
            return value;
        }

        /** @param slips by step, whether it adds where it should take away */
        String completion(boolean[] slips) {
            StringBuilder text = new StringBuilder();
            int value = first;
            for (int i = 0; i < steps.size(); i++) {
                Step step = steps.get(i);
                text.append(value).append(step.written()).append(':');
                value = slips[i] ? value + step.operand() : step.of(value);
                text.append(value).append(' ');
            }
            return text.append('=').append(value).toString();
        }
    }

    /**
     * Writes {@code heldout.jsonl}, {@code train.jsonl} and {@code warmup.jsonl}. Equal seeds give equal bytes.
     *
     * @param seed of all that is drawn
     * @param outDir made if it is not there; files of those names in it are replaced
     * @throws UncheckedIOException if a file cannot be written
     */
    public static void write(long seed, Path outDir) {
        Draws draws = new Draws(seed);
        Set<String> heldOut = new HashSet<>();
        List<String> heldOutLines = new ArrayList<>();
        while (heldOutLines.size() < HELD_OUT_LINES) {
            Chain chain = chain(draws);
            if (heldOut.add(chain.prompt())) {
                heldOutLines.add(promptLine(chain));
            }
        }
        List<String> train = new ArrayList<>();
        Draws trainDraws = new Draws(seed + 1);
        while (train.size() < TRAIN_LINES) {
            train.add(promptLine(other(heldOut, trainDraws)));
        }
        List<String> warmup = new ArrayList<>();
        Draws warmupDraws = new Draws(seed + 2);
        while (warmup.size() < WARMUP_LINES) {
            warmup.add(warmupLine(other(heldOut, warmupDraws), warmupDraws));
        }
        try {
            Files.createDirectories(outDir);
            writeLines(outDir.resolve("heldout.jsonl"), heldOutLines);
            writeLines(outDir.resolve("train.jsonl"), train);
            writeLines(outDir.resolve("warmup.jsonl"), warmup);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the arithmetic-chain data to " + outDir, e);
        }
    }

    private static Chain other(Set<String> heldOut, Draws draws) {
        Chain chain = chain(draws);
        while (heldOut.contains(chain.prompt())) {
            chain = chain(draws);
        }
        return chain;
    }

    private static Chain chain(Draws draws) {
        int first = draws.between(1, GREATEST);
        int value = first;
        List<Step> steps = new ArrayList<>();
        for (int count = draws.between(FEWEST_STEPS, MOST_STEPS); steps.size() < count; ) {
            Step step = new Step(draws.chance(0.5), draws.between(1, 9));
            if (step.of(value) >= 0 && step.of(value) <= GREATEST) {
                value = step.of(value);
                steps.add(step);
            }
        }
        return new Chain(first, steps);
    }

    private static String warmupLine(Chain chain, Draws draws) {
        ObjectNode line = JsonNodeFactory.instance.objectNode();
        line.put("prompt", chain.prompt());
        line.put("completion", draws.chance(HASTY_SHARE) ? "=" + draws.between(0, GREATEST) : slipping(chain, draws));
        return line.toString();
    }

    private static String slipping(Chain chain, Draws draws) {
        boolean[] slips = new boolean[chain.steps().size()];
        for (int i = 0; i < slips.length; i++) {
            slips[i] = chain.steps().get(i).minus() && draws.chance(SLIP);
        }
        return chain.completion(slips);
    }

    private static String promptLine(Chain chain) {
        ObjectNode line = JsonNodeFactory.instance.objectNode();
        line.put("prompt", chain.prompt());
        line.put("answer", chain.answer());
        return line.toString();
    }

    private static void writeLines(Path file, List<String> lines) throws IOException {
        Files.writeString(file, String.join("\n", lines) + "\n", StandardCharsets.UTF_8);
    }
}
