package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** How a command finds its server. */
class ServerOptionsTest {
    @Test
    void withoutASettingItIsTheDevelopmentServersAddress() {
        Said said = Said.by(List.of("show", "no-such-run"));
        // A server may happen to run there; then it is the run that is missing.
        assertThat(said.err()).hasLineCount(1).containsAnyOf("127.0.0.1:7233", "no-such-run");
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
    }

    @Test
    void anAddressWithoutAPortIsRefused() {
        Said said = Said.by(List.of("list", "--server", "somewhere"));
        assertThat(said.err()).contains("somewhere: expected HOST:PORT").hasLineCount(1);
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
    }
}
