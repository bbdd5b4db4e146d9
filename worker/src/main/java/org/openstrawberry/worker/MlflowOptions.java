package org.openstrawberry.worker;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.mlflow.MlflowAddress;
import org.openstrawberry.worker.mlflow.MlflowLog;
import picocli.CommandLine.Option;

/** Whether a process logs its runs to MLflow: by an option, or as MLflow's own variables ask for. */
final class MlflowOptions {
    @Option(
            names = "--mlflow",
            paramLabel = "URL",
            description =
                    "Log settings and metrics to an MLflow server, such as http://localhost:5000; by default to that"
                            + " of MLFLOW_TRACKING_URI, if any.")
    private @Nullable String url;

    /** Refuses the option where it would have no effect. */
    void refuse(String where) {
        if (url != null) {
            throw new InvalidInputException("--mlflow: has no effect " + where);
        }
    }

    /**
     * Begins to log where that is asked for.
     *
     * @throws InvalidInputException if the option is no address
     */
    Optional<MlflowLog> open() {
        return MlflowAddress.of(Optional.ofNullable(url), System::getenv)
                .map(address -> new MlflowLog(address, System.err::println));
    }
}
