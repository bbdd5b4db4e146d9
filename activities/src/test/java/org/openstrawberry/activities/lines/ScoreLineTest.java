package org.openstrawberry.activities.lines;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.store.Json;

class ScoreLineTest {
    @Test
    void linesWithoutPartsAreWrittenAndReadAsBeforeThereWereAny() {
        String line = "{\"iteration\":1,\"prompt\":2,\"branch\":3,\"reward\":0.5}";

        ScoreLine score = Json.parse(line, ScoreLine.class);

        assertThat(score.parts()).isEmpty();
        assertThat(Json.line(score)).isEqualTo(line);
    }

    @Test
    void partsAreKept() {
        ScoreLine score = new ScoreLine(1, 2, 3, Optional.of(0.5), Optional.empty(), Optional.of(Map.of("right", 1.0)));

        assertThat(Json.parse(Json.line(score), ScoreLine.class)).isEqualTo(score);
    }
}
