package org.openstrawberry.activities.rewards;

import io.micrometer.observation.Observation;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.openstrawberry.activities.runtime.StepSpan;
import reactor.core.publisher.Mono;
import reactor.util.context.ContextView;

/** A request as a span of the step that makes it. Its service is told the trace, in the header {@code traceparent}. */
final class RequestSpan {
    private static final int ERROR = 400;

    private final Observation span;

    private RequestSpan(Observation span) {
        this.span = span;
    }

    /**
     * Begins with the request's own start.
     *
     * @param context of the stream that asks
     * @param address without what may be secret
     * @param request gets the header then
     */
    static RequestSpan of(ContextView context, String name, String address, HttpRequest.Builder request) {
        Observation step = StepSpan.of(context);
        if (step.isNoop()) {
            return new RequestSpan(step);
        }
        SenderContext<HttpRequest.Builder> sender = new SenderContext<>(
                (carrier, header, value) -> {
                    if (carrier != null) {
                        carrier.setHeader(header, value);
                    }
                },
                Kind.CLIENT);
        sender.setCarrier(request);
        return new RequestSpan(Observation.createNotStarted(name, () -> sender, step.getObservationRegistry())
                .contextualName(name)
                .parentObservation(step)
                .lowCardinalityKeyValue("http.request.method", "POST")
                .lowCardinalityKeyValue("url.full", address));
    }

    /** The same request, told of. One that is no longer waited for ends its span as well. */
    Mono<HttpResponse<String>> around(Mono<HttpResponse<String>> sending) {
        if (span.isNoop()) {
            return sending;
        }
        return sending.doFirst(span::start)
                .doOnNext(this::answered)
                .doOnError(span::error)
                .doFinally(end -> span.stop());
    }

    private void answered(HttpResponse<String> answer) {
        span.lowCardinalityKeyValue("http.response.status_code", Integer.toString(answer.statusCode()));
        if (answer.statusCode() >= ERROR) {
            span.error(new RewardException("HTTP " + answer.statusCode()));
        }
    }
}
