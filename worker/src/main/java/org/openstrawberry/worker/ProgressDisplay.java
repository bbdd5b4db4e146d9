package org.openstrawberry.worker;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.openstrawberry.config.HealthSpec;
import org.openstrawberry.workflows.Health;
import org.openstrawberry.workflows.Health.Check;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.Progress;

/** What a person sees of a run under way: a bar in a terminal, one line an iteration elsewhere. */
abstract sealed class ProgressDisplay implements AutoCloseable {
    private final Supplier<Optional<HealthSpec>> health;
    private int shown = -1;
    private List<Check> warned = List.of();
    private boolean closed;

    private ProgressDisplay(Supplier<Optional<HealthSpec>> health) {
        this.health = health;
    }

    /**
     * A display for where this process prints to.
     *
     * @param name of the run
     * @param health the bounds of now, which may be changed while the run lives
     */
    static ProgressDisplay of(String name, Supplier<Optional<HealthSpec>> health) {
        return System.console() != null ? new Bar(name, health) : new Lines(health, System.out);
    }

    /** The last iteration that was shown; −1 before the first. */
    synchronized int shown() {
        return shown;
    }

    synchronized void show(Progress progress, List<IterationMetrics> rows) {
        if (!closed) {
            status(progress);
            showRows(rows);
        }
    }

    synchronized void showRows(List<IterationMetrics> rows) {
        for (IterationMetrics row : rows) {
            if (row.iteration() > shown) {
                row(row);
                warnings(row);
                shown = row.iteration();
            }
        }
    }

    /** What goes on being wrong is said once. */
    private void warnings(IterationMetrics row) {
        List<Check> now = Health.warned(row);
        now.stream()
                .filter(check -> check == Check.NON_FINITE || !warned.contains(check))
                .forEach(check -> warning(
                        "warning, iteration " + row.iteration() + ": " + Health.words(health.get(), check, row)));
        warned = now;
    }

    abstract void status(Progress progress);

    abstract void row(IterationMetrics row);

    abstract void warning(String words);

    /** Ends the display; what is still under way shows nothing more. */
    @Override
    public synchronized void close() {
        closed = true;
        end();
    }

    abstract void end();

    private static String words(IterationMetrics row) {
        StringBuilder words = new StringBuilder();
        append(words, "loss", "%.4f", row.value("loss"));
        append(words, "reward", "%.3f", row.value("objective/scores"));
        append(words, "accuracy", "%.3f", row.value("eval/accuracy"));
        append(words, "judge", "%.3f", row.value("eval/judge"));
        append(words, "agreement", "%.3f", row.value("eval/agreement"));
        append(words, "kl", "%.3f", row.value("objective/kl"));
        append(words, "kl-initial", "%.3f", row.value("objective/kl_initial"));
        append(words, "length", "×%.2f", row.value("eval/length_ratio"));
        append(words, "tokens/s", "%.0f", row.value("thoughts/tokens_per_second"));
        return words.toString();
    }

    private static void append(StringBuilder words, String name, String format, Optional<Double> value) {
        value.map(v -> String.format(Locale.ROOT, format, v))
                .map(number -> number.matches("-[0.]+") ? number.substring(1) : number) // rounded to no less than zero
                .ifPresent(number -> words.append("  ").append(name).append(' ').append(number));
    }

    private static final class Lines extends ProgressDisplay {
        private final PrintStream out;
        private int warmUpShown;

        Lines(Supplier<Optional<HealthSpec>> health, PrintStream out) {
            super(health);
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
        void warning(String words) {
            out.println("  " + words);
        }

        @Override
        void end() {}
    }

    /** A bar for the warm-up, then one for the iterations, so that the time left is that of the stage. */
    private static final class Bar extends ProgressDisplay {
        /** So many columns leave some for the bar itself in a terminal of 80. */
        private static final int ROOM = 28;

        private final String run;
        private Optional<Stage> stage = Optional.empty();
        private Optional<Double> accuracy = Optional.empty();

        /** What a bar stands for. */
        private record Stage(String name, ProgressBar bar) {}

        Bar(String name, Supplier<Optional<HealthSpec>> health) {
            super(health);
            run = name;
        }

        @Override
        void status(Progress progress) {
            if (progress.warmUpStep() < progress.warmUpSteps()) {
                bar("warm-up", progress.warmUpSteps()).stepTo(progress.warmUpStep());
            } else {
                bar(run, progress.iterations()).stepTo(progress.iteration());
            }
        }

        private ProgressBar bar(String name, int steps) {
            if (stage.filter(current -> current.name().equals(name)).isEmpty()) {
                stage.ifPresent(over -> over.bar().stepTo(over.bar().getMax()));
                end();
                stage = Optional.of(new Stage(
                        name,
                        new ProgressBarBuilder()
                                .setTaskName(name)
                                .setInitialMax(steps)
                                .setStyle(ProgressBarStyle.ASCII)
                                .build()));
            }
            return stage.orElseThrow().bar();
        }

        @Override
        void row(IterationMetrics row) {
            accuracy = row.value("eval/accuracy").or(() -> accuracy);
            StringBuilder words = new StringBuilder();
            append(words, "reward", "%.3f", row.value("objective/scores"));
            append(words, "accuracy", "%.3f", accuracy);
            append(words, "loss", "%.4f", row.value("loss"));
            append(words, "kl", "%.3f", row.value("objective/kl"));
            stage.filter(current -> current.name().equals(run)).ifPresent(current -> {
                current.bar().stepTo(row.iteration());
                current.bar().setExtraMessage(fitting(words.toString()));
            });
        }

        /** As many figures as there is room for, none of them cut. */
        private static String fitting(String words) {
            int end = words.length();
            while (end > ROOM + 2) {
                end = words.lastIndexOf("  ", end - 1);
            }
            return words.substring(0, Math.max(end, 0));
        }

        /** On a line of its own: the bar goes on below it. */
        @Override
        void warning(String words) {
            System.err.println("\n" + TerminalText.wrapped(words));
        }

        @Override
        void end() {
            stage.ifPresent(current -> current.bar().close());
            stage = Optional.empty();
        }
    }
}
