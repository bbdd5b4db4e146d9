package org.openstrawberry.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class FloatProductsTest {
    @BeforeAll
    static void start() {
        Torch.start(2, "cpu").close();
    }

    @Test
    void productsAreFloat32OnceTheEngineRuns() {
        assertThat(FloatProducts.isFloat32()).isTrue();
    }

    @Test
    void productsStayFloat32WhereOneDnnIsTriedOnAProcessorThatWouldTakeBfloat16() {
        FloatProducts.useOneDnn();
        assertThat(FloatProducts.isFloat32()).isTrue();
    }
}
