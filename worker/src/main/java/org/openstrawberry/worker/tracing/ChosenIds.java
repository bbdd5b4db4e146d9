package org.openstrawberry.worker.tracing;

import io.opentelemetry.sdk.trace.IdGenerator;
import java.util.Optional;
import java.util.function.Supplier;

/** Random ids, but for a span whose ids are chosen: others, in other processes, have named it as their parent before. */
final class ChosenIds implements IdGenerator {
    private final IdGenerator random = IdGenerator.random();
    private final ThreadLocal<Optional<Ids>> chosen = ThreadLocal.withInitial(Optional::empty);

    private record Ids(String trace, String span) {}

    /** Starts a span without a parent under these ids. */
    <T> T with(String trace, String span, Supplier<T> starting) {
        chosen.set(Optional.of(new Ids(trace, span)));
        try {
            return starting.get();
        } finally {
            chosen.remove();
        }
    }

    @Override
    public String generateTraceId() {
        return chosen.get().map(Ids::trace).orElseGet(random::generateTraceId);
    }

    @Override
    public String generateSpanId() {
        return chosen.get().map(Ids::span).orElseGet(random::generateSpanId);
    }
}
