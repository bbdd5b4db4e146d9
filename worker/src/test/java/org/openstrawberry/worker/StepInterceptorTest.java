package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.temporal.activity.ActivityInterface;
import io.temporal.testing.TestActivityEnvironment;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.worker.WorkerFactoryOptions;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.runtime.RunMeters;
import org.openstrawberry.activities.runtime.StepInterceptor;

class StepInterceptorTest {
    /** A step of whatever length. */
    @ActivityInterface
    public interface Saving {
        /** Ends when it may. */
        boolean save();
    }

    /** The step's own thread does nothing but wait: as one that writes a large checkpoint to a slow disk. */
    @Test
    void aSaveThatOutlastsItsHeartbeatStillHeartbeats() {
        CountDownLatch beaten = new CountDownLatch(2);
        try (RunMeters meters = new RunMeters(new SimpleMeterRegistry());
                StepInterceptor interceptor = new StepInterceptor(meters, ObservationRegistry.NOOP)) {
            TestActivityEnvironment environment =
                    TestActivityEnvironment.newInstance(TestEnvironmentOptions.newBuilder()
                            .setWorkerFactoryOptions(WorkerFactoryOptions.newBuilder()
                                    .setWorkerInterceptors(interceptor)
                                    .build())
                            .build());
            try {
                environment.setActivityHeartbeatListener(Void.class, nothing -> beaten.countDown());
                environment.registerActivitiesImplementations(new Slow(beaten));

                assertThat(environment.newActivityStub(Saving.class).save()).isTrue();
            } finally {
                environment.close();
            }
        }
    }

    private record Slow(CountDownLatch beaten) implements Saving {
        @Override
        public boolean save() {
            try {
                return beaten.await(2, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }
}
