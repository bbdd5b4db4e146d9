package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.ShippedRuns;

class ModelCommandTest {
    private final Path folder;

    ModelCommandTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void theShippedBaseIsWhatSeedSevenDraws() {
        ShippedRuns.copyTo("letter-count", folder);
        Path base = folder.resolve("letter-count/base");
        Path drawn = folder.resolve("drawn");

        int code = Main.run("model", "init", "--config", base.toString(), "--seed", "7", "--out", drawn.toString());

        assertThat(code).isZero();
        assertThat(drawn.resolve("model.safetensors")).hasSameBinaryContentAs(base.resolve("model.safetensors"));
        assertThat(drawn.resolve("config.json")).hasSameBinaryContentAs(base.resolve("config.json"));
    }
}
