package org.openstrawberry.activities.policy;

import org.openstrawberry.workflows.steps.HostActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes runs into this process, by the name of its own task queue. */
public final class HostSteps implements HostActivities {
    private static final Logger log = LoggerFactory.getLogger(HostSteps.class);

    private final String queue;

    /** @param queue served by this process alone */
    public HostSteps(String queue) {
        this.queue = queue;
    }

    @Override
    public String lease(RunRef run) {
        log.info("run {}: trained by {}", run.id(), queue);
        return queue;
    }

    @Override
    public void ping() {}
}
