package org.openstrawberry.activities.plan;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What a driver's program says of a GPU's memory. */
class GpuMemoryTest {
    @Test
    void theProgramTellsMebibytes() {
        assertThat(GpuMemory.read("81559, 81004\n")).contains(new GpuMemory(81_559L << 20, 81_004L << 20));
    }

    @Test
    void whatIsNoNumberIsNotKnown() {
        assertThat(GpuMemory.read("[N/A], [N/A]\n")).isEmpty();
        assertThat(GpuMemory.read("No devices were found\n")).isEmpty();
        assertThat(GpuMemory.read("")).isEmpty();
    }

    @Test
    void aProcessorHasNone() {
        assertThat(GpuMemory.of("cpu")).isEmpty();
    }
}
