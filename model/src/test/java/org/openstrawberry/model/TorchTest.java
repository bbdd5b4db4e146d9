package org.openstrawberry.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import org.junit.jupiter.api.Test;
import org.openstrawberry.config.InvalidInputException;

class TorchTest {
    @Test
    void startGivesAManagerOnTheDevice() {
        try (NDManager manager = Torch.start(1, "cpu");
                NDArray ones = manager.ones(new Shape(2))) {
            assertThat(manager.getDevice()).isEqualTo(Device.cpu());
            assertThat(ones.toFloatArray()).containsExactly(1f, 1f);
        }
    }

    @Test
    void theLastStartSetsTheThreads() {
        Torch.start(2, "cpu").close();
        assertThat(JniUtils.getNumThreads()).isEqualTo(2);
        assertThat(JniUtils.getNumInteropThreads()).isEqualTo(1);
        Torch.start(1, "cpu").close();
        assertThat(JniUtils.getNumThreads()).isEqualTo(1);
    }

    @Test
    void startTurnsGradientsOffOnTheCallingThread() throws InterruptedException {
        boolean[] on = new boolean[1];
        Thread thread = new Thread(() -> {
            Torch.start(1, "cpu").close();
            on[0] = JniUtils.isGradMode();
        });
        thread.start();
        thread.join();
        assertThat(on[0]).isFalse();
    }

    @Test
    void refusesADeviceThatIsNotThere() {
        assertThatThrownBy(() -> Torch.start(1, "cuda:77"))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith("model.device: found \"cuda:77\", expected \"cpu\"");
    }

    @Test
    void refusesADeviceThatItDoesNotKnow() {
        assertThatThrownBy(() -> Torch.start(1, "tpu"))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("model.device: found \"tpu\", expected \"cpu\", \"cuda\" or \"cuda:N\"");
    }

    @Test
    void refusesNoThreads() {
        assertThatThrownBy(() -> Torch.start(0, "cpu")).isInstanceOf(IllegalArgumentException.class);
    }
}
