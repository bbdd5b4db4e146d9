package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Changes to a living run, as people write them. */
class AdjustmentTest {
    @Test
    void changesAreReadAsYaml() {
        assertThat(Adjustment.parse(
                        List.of("dpo.beta=0.2", "until.loss-below=null", "dpo.loss=[{sigmoid: 1.0}]", "a=b=c")))
                .containsEntry("dpo.beta", 0.2)
                .containsEntry("until.loss-below", null)
                .containsEntry("dpo.loss", List.of(Map.of("sigmoid", 1.0)))
                .containsEntry("a", "b=c");
    }

    @Test
    void whatIsNoChangeIsRefused() {
        assertThatThrownBy(() -> Adjustment.parse(List.of("beta")))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("beta: expected path=value, such as dpo.beta=0.2");
        assertThatThrownBy(() -> Adjustment.parse(List.of("dpo.loss=[")))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("dpo.loss=[: the value can't be read as YAML");
    }

    @Test
    void whatMayChangeIsListedAndCanBeSetToWhatItIs(@TempDir Path folder) {
        RunSpec spec = RunFile.shipped("letter-count", folder, List.of());

        Map<String, String> adjustable = Adjustment.adjustable(spec);

        assertThat(adjustable).containsEntry("dpo.beta", "0.1").containsKey("health.kl-above");
        assertThat(adjustable.keySet()).noneMatch(key -> key.startsWith("model.") || key.startsWith("data."));
        List<String> changes = adjustable.entrySet().stream()
                .map(setting -> setting.getKey() + "=" + setting.getValue())
                .toList();
        assertThat(Adjustment.apply(spec, Adjustment.parse(changes))).isEqualTo(spec);
    }
}
