package org.openstrawberry.benchmarks;

import java.util.Map;

/** Something that is measured again and again, ready to go. */
interface Repetition extends AutoCloseable {
    /**
     * Does it once.
     *
     * @return further figures of this repetition, by the protocol's names
     */
    Map<String, Double> run() throws Exception;

    @Override
    void close() throws Exception;
}
