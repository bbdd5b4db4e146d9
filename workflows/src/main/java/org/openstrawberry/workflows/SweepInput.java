package org.openstrawberry.workflows;

import org.openstrawberry.config.SweepSpec;
import org.openstrawberry.config.SweepSpec.Trial;

/**
 * What a sweep starts from.
 *
 * @param spec every trial drawn and checked
 * @param directory absolute path; trial 03 lives in its {@code trials/03}
 */
public record SweepInput(SweepSpec spec, String directory) {
    /** Where a trial lives. */
    public String directoryOf(Trial trial) {
        return directory + "/trials/" + trial.id();
    }
}
