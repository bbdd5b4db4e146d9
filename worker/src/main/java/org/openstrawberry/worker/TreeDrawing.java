package org.openstrawberry.worker;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.TreeLine;

/** A tree of thoughts as lines of text: value, visits and text of each step, and the pairs that it stands in. */
final class TreeDrawing {
    private final List<TreeLine> steps;
    private final List<PairLine> pairs;
    private final List<String> lines = new ArrayList<>();

    private TreeDrawing(List<TreeLine> steps, List<PairLine> pairs) {
        this.steps = steps;
        this.pairs = pairs;
    }

    /**
     * Draws a tree.
     *
     * @param steps of one prompt, by id
     * @param pairs of the same prompt
     */
    static List<String> of(List<TreeLine> steps, List<PairLine> pairs) {
        TreeDrawing drawing = new TreeDrawing(steps, pairs);
        drawing.lines.add(value(steps.get(0)) + "  " + visits(steps.get(0)));
        drawing.below(0, "");
        return drawing.lines;
    }

    private void below(int id, String margin) {
        List<TreeLine> children = steps.stream()
                .filter(step -> step.parent().filter(parent -> parent == id).isPresent())
                .toList();
        for (int i = 0; i < children.size(); i++) {
            TreeLine child = children.get(i);
            boolean last = i + 1 == children.size();
            lines.add(margin + (last ? "└─ " : "├─ ") + value(child) + "  " + visits(child) + "  "
                    + child.text().replace("\n", "⏎") + (child.ended() ? "" : " …") + marks(child.id()));
            below(child.id(), margin + (last ? "   " : "│  "));
        }
    }

    private String marks(int id) {
        StringBuilder marks = new StringBuilder();
        for (PairLine pair : pairs) {
            pair.steps().ifPresent(siblings -> {
                if (siblings.chosen() == id) {
                    marks.append("  + pair ").append(pair.pair());
                } else if (siblings.rejected() == id) {
                    marks.append("  − pair ").append(pair.pair());
                }
            });
        }
        return marks.toString();
    }

    private static String value(TreeLine step) {
        return step.value()
                .map(value -> String.format(Locale.ROOT, "%.2f", value))
                .orElse("none");
    }

    private static String visits(TreeLine step) {
        return step.visits() + (step.visits() == 1 ? " visit" : " visits");
    }
}
