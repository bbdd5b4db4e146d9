package org.openstrawberry.worker.live;

import java.util.Optional;

/** A page that is served as long as this is open, or none where none was asked for. */
public record Served(Optional<LivePage> page) implements AutoCloseable {
    /** Whether there is one. */
    public boolean isThere() {
        return page.isPresent();
    }

    @Override
    public void close() {
        page.ifPresent(LivePage::close);
    }
}
