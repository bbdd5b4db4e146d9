package org.openstrawberry.worker;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.Progress;

/** What a person sees of a run under way: a bar in a terminal, one line an iteration elsewhere. */
abstract sealed class ProgressDisplay implements AutoCloseable {
    private int shown = -1;

    static ProgressDisplay of(RunSpec spec) {
        return System.console() != null ? new Bar(spec) : new Lines(System.out);
    }

    /** The last iteration that was shown; −1 before the first. */
    int shown() {
        return shown;
    }

    void show(Progress progress, List<IterationMetrics> rows) {
        status(progress);
        showRows(rows);
    }

    void showRows(List<IterationMetrics> rows) {
        for (IterationMetrics row : rows) {
            if (row.iteration() > shown) {
                row(row);
                shown = row.iteration();
            }
        }
    }

    abstract void status(Progress progress);

    abstract void row(IterationMetrics row);

    @Override
    public abstract void close();

    private static String words(IterationMetrics row) {
        StringBuilder words = new StringBuilder();
        append(words, "loss", "%.4f", row.value("loss"));
        append(words, "reward", "%.3f", row.value("objective/scores"));
        append(words, "accuracy", "%.3f", row.value("eval/accuracy"));
        append(words, "kl", "%.3f", row.value("objective/kl"));
        append(words, "tokens/s", "%.0f", row.value("thoughts/tokens_per_second"));
        return words.toString();
    }

    private static void append(StringBuilder words, String name, String format, Optional<Double> value) {
        value.ifPresent(v -> words.append("  ").append(name).append(' ').append(String.format(Locale.ROOT, format, v)));
    }

    private static final class Lines extends ProgressDisplay {
        private final PrintStream out;
        private int warmUpShown;

        Lines(PrintStream out) {
            this.out = out;
        }

        @Override
        void status(Progress progress) {
            if (progress.warmUpStep() > warmUpShown) {
                warmUpShown = progress.warmUpStep();
                out.println("warm-up " + warmUpShown + "/" + progress.warmUpSteps());
            }
        }

        @Override
        void row(IterationMetrics row) {
            out.println("iteration " + row.iteration() + words(row));
        }

        @Override
        public void close() {}
    }

    private static final class Bar extends ProgressDisplay {
        private final ProgressBar bar;
        private Optional<Double> accuracy = Optional.empty();
        private boolean open = true;

        Bar(RunSpec spec) {
            bar = new ProgressBarBuilder()
                    .setTaskName(spec.name())
                    .setInitialMax(spec.until().iterations())
                    .setStyle(ProgressBarStyle.ASCII)
                    .build();
        }

        @Override
        void status(Progress progress) {
            if (progress.warmUpStep() < progress.warmUpSteps()) {
                bar.setExtraMessage("  warm-up");
                bar.maxHint(progress.warmUpSteps()).stepTo(progress.warmUpStep());
            } else {
                bar.maxHint(progress.iterations()).stepTo(progress.iteration());
            }
        }

        @Override
        void row(IterationMetrics row) {
            accuracy = row.value("eval/accuracy").or(() -> accuracy);
            String last = accuracy.map(value -> String.format(Locale.ROOT, "  held-out %.3f", value))
                    .orElse("");
            bar.setExtraMessage(words(row) + (row.value("eval/accuracy").isPresent() ? "" : last));
        }

        @Override
        public void close() {
            if (open) {
                open = false;
                bar.close();
            }
        }
    }
}
