package org.openstrawberry.activities.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.EventLog.Event;
import org.openstrawberry.activities.store.EventLog.Kind;

class EventLogTest {
    private final Path run;

    EventLogTest(@TempDir Path run) {
        this.run = run;
    }

    @Test
    void whatIsToldIsReadInItsOrder() {
        EventLog log = new EventLog(run);
        log.opened(3);
        log.leased();
        log.failed("generate", 1, new IOException("no space\nleft"));
        log.again("generate", 2);

        assertThat(log.events())
                .extracting(Event::event)
                .containsExactly(Kind.OPENED, Kind.LEASED, Kind.FAILED, Kind.AGAIN);
        assertThat(log.events().get(0).iteration()).contains(3);
        assertThat(log.events().get(2).detail()).contains("IOException: no space");
        assertThat(log.events().get(3).attempt()).contains(2);
    }

    @Test
    void aTornLineIsLeftOut() throws IOException {
        EventLog log = new EventLog(run);
        log.opened(0);
        Files.writeString(run.resolve("events.jsonl"), "{\"time\":\"20\n{}\n[]\n", StandardOpenOption.APPEND);
        log.leased();

        assertThat(log.events()).extracting(Event::event).containsExactly(Kind.OPENED, Kind.LEASED);
    }

    @Test
    void whatCantBeWrittenFailsNobody() throws IOException {
        new EventLog(run.resolve("nowhere")).opened(0);
        assertThat(run.resolve("nowhere")).doesNotExist();

        Files.createDirectory(run.resolve("events.jsonl"));
        new EventLog(run).opened(0);
    }
}
