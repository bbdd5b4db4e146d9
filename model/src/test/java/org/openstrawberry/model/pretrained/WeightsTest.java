package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.model.Torch;

class WeightsTest {
    private final Path directory;
    private final NDManager manager;

    WeightsTest(@TempDir Path directory) {
        this.directory = directory;
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        Torch.gradientsOff();
        manager.close();
    }

    @Test
    void closingFreesTheArraysAndNothingElse() {
        NDArray stranger = manager.ones(new Shape(1));
        Weights weights = weights(1, 2);
        NDArray array = weights.get("b");
        weights.close();
        assertThat(array.isReleased()).isTrue();
        assertThat(stranger.isReleased()).isFalse();
    }

    @Test
    void keepTheOrderThroughAFile() {
        Weights weights = weights(1, 2);
        weights.save(directory.resolve("w.safetensors"));
        try (Weights loaded = Weights.load(directory.resolve("w.safetensors"), manager)) {
            assertThat(loaded.names()).containsExactly("b", "a");
            assertThat(values(loaded, "b")).containsExactly(1, 1);
            assertThat(values(loaded, "a")).containsExactly(2, 2, 2);
            assertThat(loaded.parameters()).isEqualTo(5);
        }
    }

    @Test
    void aCopyHasItsOwnMemoryAndNoGradients() {
        Weights weights = weights(1, 2);
        weights.asMap().values().forEach(array -> array.setRequiresGradient(true));
        JniUtils.setGradMode(true);
        Weights copy = weights.copy(manager);
        copy.get("b").addi(5);
        assertThat(values(weights, "b")).containsExactly(1, 1);
        assertThat(values(copy, "b")).containsExactly(6, 6);
        assertThat(copy.get("b").hasGradient()).isFalse();
        weights.close();
        assertThat(values(copy, "a")).containsExactly(2, 2, 2);
    }

    @Test
    void copyFromChangesTheSameArrays() {
        Weights reference = weights(1, 2);
        NDArray array = reference.get("a");
        reference.copyFrom(weights(3, Float.NaN));
        assertThat(reference.get("a")).isSameAs(array);
        assertThat(array.toFloatArray()).containsOnly(Float.NaN);
        reference.copyFrom(weights(3, 4));
        assertThat(array.toFloatArray()).containsExactly(4, 4, 4);
    }

    @Test
    void copyFromAndBlendFromWorkOnParametersUnderGradientMode() {
        Weights policy = weights(1, 2);
        policy.asMap().values().forEach(array -> array.setRequiresGradient(true));
        JniUtils.setGradMode(true);
        policy.copyFrom(weights(3, 4));
        policy.blendFrom(weights(5, 8), 0.25);
        assertThat(values(policy, "b")).containsExactly(3.5f, 3.5f);
        assertThat(values(policy, "a")).containsExactly(5, 5, 5);
        assertThat(policy.get("a").hasGradient()).isTrue();
    }

    @Test
    void blendFromGivesAlphaToThePolicy() {
        Weights reference = weights(1, 10);
        Weights policy = weights(2, 20);
        reference.blendFrom(policy, 0.75);
        assertThat(values(reference, "b")).containsExactly(1.75f, 1.75f);
        assertThat(values(reference, "a")).containsExactly(17.5f, 17.5f, 17.5f);
        assertThat(values(policy, "a")).containsExactly(20, 20, 20);
        reference.blendFrom(policy, 0);
        assertThat(values(reference, "b")).containsExactly(1.75f, 1.75f);
        reference.blendFrom(policy, 1);
        assertThat(values(reference, "b")).containsExactly(2, 2);
    }

    @Test
    void changesLeaveNoArraysBehind() {
        Weights reference = weights(1, 10);
        Weights policy = weights(2, 20);
        int before = arraysOf(reference) + arraysOf(policy);
        reference.copyFrom(policy);
        reference.blendFrom(policy, 0.5);
        reference.copy(manager).close();
        reference.save(directory.resolve("w.safetensors"));
        assertThat(arraysOf(reference) + arraysOf(policy)).isEqualTo(before);
    }

    @Test
    void refusesOtherNamesAndShapes() {
        Weights weights = weights(1, 2);
        Weights less = Weights.of(manager, Map.of("b", manager.ones(new Shape(2))));
        assertThatThrownBy(() -> weights.copyFrom(less)).isInstanceOf(IllegalArgumentException.class);
        Map<String, NDArray> wider = new LinkedHashMap<>();
        wider.put("b", manager.ones(new Shape(2)));
        wider.put("a", manager.ones(new Shape(1)));
        assertThatThrownBy(() -> weights.blendFrom(Weights.of(manager, wider), 0.5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("weight \"a\" has another shape");
        assertThatThrownBy(() -> weights.blendFrom(weights(1, 2), Double.NaN))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> weights.get("c")).isInstanceOf(IllegalArgumentException.class);
    }

    private Weights weights(float b, float a) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put("b", manager.ones(new Shape(2)).muli(b));
        arrays.put("a", manager.ones(new Shape(3)).muli(a));
        return Weights.of(manager, arrays);
    }

    private static float[] values(Weights weights, String name) {
        return weights.get(name).toFloatArray();
    }

    private static int arraysOf(Weights weights) {
        return weights.get("a").getManager().getManagedArrays().size();
    }
}
