package org.openstrawberry.worker.mlflow;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Where MLflow is, by the variables that its own clients read. */
class MlflowAddressTest {
    @Test
    void theVariablesOfMlflowsClientsAreRead() {
        MlflowAddress address = of(
                        "",
                        Map.of(
                                "MLFLOW_TRACKING_URI", "https://mlflow.example.com/team/",
                                "MLFLOW_EXPERIMENT_NAME", "letters",
                                "MLFLOW_TRACKING_TOKEN", "secret"))
                .orElseThrow();

        assertThat(address.server()).isEqualTo("https://mlflow.example.com/team");
        assertThat(address.experiment()).isEqualTo("letters");
        assertThat(address.authorization()).contains("Bearer secret");
        assertThat(address).asString().doesNotContain("secret");
    }

    @Test
    void anOptionWinsOverTheVariable() {
        assertThat(of("http://here:5000", Map.of("MLFLOW_TRACKING_URI", "http://there:5000")))
                .map(MlflowAddress::server)
                .contains("http://here:5000");
    }

    @Test
    void aUserAndAPasswordAreSentAsMlflowsClientsDo() {
        assertThat(of("http://h", Map.of("MLFLOW_TRACKING_USERNAME", "ada", "MLFLOW_TRACKING_PASSWORD", "pass"))
                        .orElseThrow()
                        .authorization())
                .contains("Basic YWRhOnBhc3M=");
    }

    @Test
    void aVariableThatNamesNoServerIsForOthers() {
        assertThat(of("", Map.of("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"))).isEmpty();
        assertThat(of("", Map.of())).isEmpty();
    }

    private static Optional<MlflowAddress> of(String option, Map<String, String> environment) {
        return MlflowAddress.of(Optional.of(option).filter(given -> !given.isEmpty()), environment::get);
    }
}
