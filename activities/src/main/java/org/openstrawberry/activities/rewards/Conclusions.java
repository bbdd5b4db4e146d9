package org.openstrawberry.activities.rewards;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.openstrawberry.config.RewardKind;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.VerifierSpec.Choice;
import org.openstrawberry.config.VerifierSpec.Exact;
import org.openstrawberry.config.VerifierSpec.Numeric;

/** What a thought comes to, so that thoughts can be counted by it. */
public final class Conclusions {
    private Conclusions() {}

    /**
     * Where a run's verifier finds the answer: behind its {@code after}, or in the last box; of a sum by the first part that
     * says so. With any other reward, and where a thought has no box, it is the last line.
     *
     * @return from a thought's text to its answer, without white space around it
     */
    public static UnaryOperator<String> of(RewardSpec reward) {
        List<UnaryOperator<String>> known = new ArrayList<>();
        reward.each(kind -> reading(kind).ifPresent(known::add));
        return known.stream().findFirst().orElse(Conclusions::lastLine);
    }

    private static Optional<UnaryOperator<String>> reading(RewardKind kind) {
        if (kind instanceof Numeric numeric) {
            return reading(numeric.after(), numeric.boxed());
        }
        if (kind instanceof Choice choice) {
            return reading(choice.after(), choice.boxed());
        }
        return kind instanceof Exact exact ? reading("", exact.boxed()) : Optional.empty();
    }

    private static Optional<UnaryOperator<String>> reading(String after, boolean boxed) {
        if (boxed) {
            return Optional.of(text -> Answers.boxed(text).map(String::strip).orElseGet(() -> lastLine(text)));
        }
        return after.isEmpty() ? Optional.empty() : Optional.of(text -> behind(after, text));
    }

    private static String behind(String after, String text) {
        int at = text.lastIndexOf(after);
        return text.substring(at < 0 ? 0 : at + after.length()).strip();
    }

    private static String lastLine(String text) {
        String stripped = text.strip();
        return stripped.substring(stripped.lastIndexOf('\n') + 1).strip();
    }
}
