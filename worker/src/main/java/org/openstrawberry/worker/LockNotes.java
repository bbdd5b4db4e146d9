package org.openstrawberry.worker;

import io.temporal.testserver.TestServer.InProcessTestServer;
import java.lang.reflect.Field;
import java.util.LinkedList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the in-process server notes, for who debugs it, of each lock of its clock: it was made for tests, which are short. It
 * looks through all notes at every step and takes few away, so that an iteration took twice as long after three thousand
 * others. There is no switch for it, so the list is replaced by one that stays empty.
 */
final class LockNotes {
    private static final Logger log = LoggerFactory.getLogger(LockNotes.class);

    private final InProcessTestServer server;

    LockNotes(InProcessTestServer server) {
        this.server = server;
    }

    /** From now on none is kept. Another version of the server, built otherwise, stays as it is. */
    void drop() {
        try {
            Object timer = timer();
            field(timer.getClass(), "lockEvents").set(timer, new Nothing());
        } catch (ReflectiveOperationException | RuntimeException e) {
            log.warn("a long run in this process gets slower by and by; on a server of its own it does not", e);
        }
    }

    /** Those that are kept. */
    List<?> kept() throws ReflectiveOperationException {
        Object timer = timer();
        return (List<?>) field(timer.getClass(), "lockEvents").get(timer);
    }

    private Object timer() throws ReflectiveOperationException {
        return field(server.getWorkflowService().getClass(), "selfAdvancingTimer")
                .get(server.getWorkflowService());
    }

    private static Field field(Class<?> owner, String name) throws ReflectiveOperationException {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }

    /** Forgets each note at once; that it was there is what the server expects to hear. */
    private static final class Nothing extends LinkedList<Object> {
        private static final long serialVersionUID = 1;

        @Override
        public boolean add(Object note) {
            return true;
        }

        @Override
        public boolean remove(Object note) {
            return true;
        }
    }
}
