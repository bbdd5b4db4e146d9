package org.openstrawberry.worker.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.TreeLine;

class TreesTest {

    @Test
    void ofALargeTreeTheMostVisitedStepsAreDrawnAndTheOthersCounted() {
        List<TreeLine> steps = new ArrayList<>();
        steps.add(step(0, Optional.empty(), 1000));
        for (int id = 1; id < 500; id++) {
            steps.add(step(id, Optional.of((id - 1) / 3), 500 - id));
        }

        Trees.Tree tree = Trees.tree(4, 2, "1+1=?", steps, List.of());

        Set<Integer> drawn = new HashSet<>();
        for (Trees.Node node : tree.nodes()) {
            assertThat(node.parent().stream()).as("stands before it").allMatch(drawn::contains);
            drawn.add(node.id());
        }
        assertThat(drawn).hasSize(200).contains(0, 1, 199);
        for (Trees.Node node : tree.nodes()) {
            long children = steps.stream()
                    .filter(step -> step.parent().equals(Optional.of(node.id())))
                    .count();
            long shown = tree.nodes().stream()
                    .filter(other -> other.parent().equals(Optional.of(node.id())))
                    .count();
            assertThat(node.left()).isEqualTo((int) (children - shown));
        }
        assertThat(tree.label()).isEqualTo("1+1=?");
        assertThat(tree.name()).isEqualTo("iteration 4, prompt 2: 1+1=?");
    }

    @Test
    void bothSidesOfAPairAreMarked() {
        List<TreeLine> steps =
                List.of(step(0, Optional.empty(), 3), step(1, Optional.of(0), 2), step(2, Optional.of(0), 1));

        Trees.Tree tree = Trees.tree(1, 0, "?", steps, List.of(pair(5, 1, 2)));

        assertThat(tree.nodes().get(0).pairs()).isEmpty();
        assertThat(tree.nodes().get(1).pairs()).containsExactly(new Trees.Side(5, true));
        assertThat(tree.nodes().get(2).pairs()).containsExactly(new Trees.Side(5, false));
    }

    private static TreeLine step(int id, Optional<Integer> parent, int visits) {
        return new TreeLine(
                1,
                0,
                id,
                parent,
                new int[] {id},
                "s" + id,
                false,
                visits,
                Optional.of(0.5),
                -1,
                new float[1],
                List.of());
    }

    private static PairLine pair(int number, int chosen, int rejected) {
        return new PairLine(
                1,
                0,
                number,
                "?",
                "a",
                "b",
                1,
                0,
                1,
                2,
                0,
                1,
                new int[] {1},
                new int[] {2},
                new int[] {3},
                Optional.empty(),
                Optional.empty(),
                Optional.of(new PairLine.Steps(0, chosen, rejected, 2, 1)),
                Optional.empty());
    }
}
