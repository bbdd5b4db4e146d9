package org.openstrawberry.activities.run;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WarmupSpec;

/** What is known of input files while many runs are prepared: what they share is read, checked and hashed once. */
public final class InputChecks {
    private final Set<List<Object>> checked = new HashSet<>();
    private final Map<Path, String> hashes = new HashMap<>();

    /** Whether these inputs have not been checked yet under these settings; from then on they have. */
    boolean isNew(RunSpec spec) {
        return checked.add(List.of(
                spec.model().policy(),
                spec.data(),
                spec.warmup().map(WarmupSpec::data),
                spec.reward(),
                spec.sampling().maxNewTokens()));
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
