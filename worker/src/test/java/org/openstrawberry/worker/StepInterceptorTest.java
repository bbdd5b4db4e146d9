package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.temporal.activity.ActivityInterface;
import io.temporal.testing.TestActivityEnvironment;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.worker.WorkerFactoryOptions;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
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
        try (RunMeters meters = new RunMeters(new SimpleMeterRegistry(), run -> Optional.empty());
                StepInterceptor interceptor = new StepInterceptor(meters, ObservationRegistry.NOOP)) {
            TestActivityEnvironment environment = environment(interceptor);
            try {
                environment.setActivityHeartbeatListener(Void.class, nothing -> beaten.countDown());
                environment.registerActivitiesImplementations(new Slow(beaten));

                assertThat(environment.newActivityStub(Saving.class).save()).isTrue();
            } finally {
                environment.close();
            }
        }
    }

    @Test
    void aTracerAndMetersThatThrowFailNoStepThatIsDone() {
        SimpleMeterRegistry broken = new SimpleMeterRegistry();
        broken.config().meterFilter(new MeterFilter() {
            @Override
            public Meter.Id map(Meter.Id id) {
                throw new IllegalStateException("no meters today");
            }
        });
        for (String moment : List.of("start", "stop")) {
            List<String> told = new CopyOnWriteArrayList<>();
            ObservationRegistry spans = ObservationRegistry.create();
            spans.observationConfig().observationHandler(new Failing(moment, told));
            try (RunMeters meters = new RunMeters(broken, run -> Optional.empty());
                    StepInterceptor interceptor = new StepInterceptor(meters, spans)) {
                TestActivityEnvironment environment = environment(interceptor);
                try {
                    environment.registerActivitiesImplementations(new Slow(new CountDownLatch(0)));

                    assertThat(environment.newActivityStub(Saving.class).save())
                            .as(moment)
                            .isTrue();
                } finally {
                    environment.close();
                }
            }
            assertThat(told).contains(moment);
        }
    }

    private static TestActivityEnvironment environment(StepInterceptor interceptor) {
        return TestActivityEnvironment.newInstance(TestEnvironmentOptions.newBuilder()
                .setWorkerFactoryOptions(WorkerFactoryOptions.newBuilder()
                        .setWorkerInterceptors(interceptor)
                        .build())
                .build());
    }

    /** A tracer that can't do one of the two. */
    private record Failing(String moment, List<String> told) implements ObservationHandler<Observation.Context> {
        @Override
        public void onStart(Observation.Context context) {
            failed("start");
        }

        @Override
        public void onStop(Observation.Context context) {
            failed("stop");
        }

        private void failed(String now) {
            told.add(now);
            if (now.equals(moment)) {
                throw new IllegalStateException("no spans today");
            }
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return true;
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
