package org.openstrawberry.workflows;

import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.common.SearchAttributeKey;
import io.temporal.common.SearchAttributeUpdate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The search attributes of a run, what {@code temporal workflow list --query} can ask for, and its memo. */
public final class RunAttributes {
    /** The run file's name. */
    public static final SearchAttributeKey<String> TASK = SearchAttributeKey.forKeyword("StrawberryTask");
    /**
     * What the run is doing: {@code warm-up}, {@code generate}, {@code step}, {@code evaluate}, {@code paused}, {@code done},
     * {@code failed} or {@code canceled}.
     */
    public static final SearchAttributeKey<String> PHASE = SearchAttributeKey.forKeyword("StrawberryPhase");
    /** The last finished iteration. */
    public static final SearchAttributeKey<Long> ITERATION = SearchAttributeKey.forLong("StrawberryIteration");
    /** Of the last step. */
    public static final SearchAttributeKey<Double> LOSS = SearchAttributeKey.forDouble("StrawberryLoss");
    /** Mean reward of the last iteration's thoughts. */
    public static final SearchAttributeKey<Double> REWARD = SearchAttributeKey.forDouble("StrawberryReward");
    /** The last held-out result. */
    public static final SearchAttributeKey<Double> ACCURACY = SearchAttributeKey.forDouble("StrawberryAccuracy");

    private RunAttributes() {}

    /** What a finished iteration sets. */
    static SearchAttributeUpdate<?>[] of(IterationMetrics row, TrainingState state) {
        List<SearchAttributeUpdate<?>> updates = new ArrayList<>();
        updates.add(ITERATION.valueSet((long) row.iteration()));
        row.value("loss").ifPresent(loss -> updates.add(LOSS.valueSet(loss)));
        row.value("objective/scores").ifPresent(reward -> updates.add(REWARD.valueSet(reward)));
        state.heldOut().ifPresent(heldOut -> updates.add(ACCURACY.valueSet(heldOut.value())));
        return updates.toArray(SearchAttributeUpdate<?>[]::new);
    }

    /** The memo of a run or sweep, by its directory. */
    public static Map<String, Object> memo(String directory) {
        return Map.of("runDirectory", directory);
    }

    /** Names and types, as a server wants them registered before the first run. */
    public static Map<String, IndexedValueType> types() {
        return List.of(TASK, PHASE, ITERATION, LOSS, REWARD, ACCURACY).stream()
                .collect(Collectors.toMap(SearchAttributeKey::getName, SearchAttributeKey::getValueType));
    }
}
