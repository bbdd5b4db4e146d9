package org.openstrawberry.activities.run;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.openstrawberry.activities.data.PromptData;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WarmupSpec;

/** What is known of input files while many runs are prepared: what they share is read, checked and hashed once. */
public final class InputChecks {
    private final Map<List<Object>, PromptData.Report> reports = new HashMap<>();
    private final Map<Path, String> hashes = new HashMap<>();

    /**
     * What came of the data under these settings.
     *
     * @param check checks the inputs; only done where they have not been checked yet
     */
    PromptData.Report report(RunSpec spec, Supplier<PromptData.Report> check) {
        List<Object> key = List.of(
                spec.model().policy(),
                spec.model().lora(),
                spec.data(),
                spec.warmup().map(WarmupSpec::data),
                spec.reward(),
                spec.evaluation().reward(),
                spec.sampling().maxNewTokens());
        PromptData.Report known = reports.get(key);
        if (known == null) {
            known = check.get();
            reports.put(key, known);
        }
        return known;
    }

    String sha256(Path file) throws IOException {
        String known = hashes.get(file);
        if (known == null) {
            known = Hashes.sha256(file);
            hashes.put(file, known);
        }
        return known;
    }
}
