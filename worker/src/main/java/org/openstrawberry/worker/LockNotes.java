package org.openstrawberry.worker;

import io.temporal.testserver.TestServer.InProcessTestServer;
import java.lang.reflect.Field;
import java.util.LinkedList;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the in-process server notes, for who debugs it, of each lock of its clock: a list that it looks through at every
 * step and takes little from, so that an iteration took twice as long after three thousand of them. There is no switch for
 * it, so the list is replaced by one that stays empty.
 */
final class LockNotes {
    private static final Logger log = LoggerFactory.getLogger(LockNotes.class);

    private LockNotes() {}

    /** Switches the notes off; where this version of the server has others, it only gets slower by and by. */
    static void drop(InProcessTestServer server) {
        try {
            Object timer = timer(server);
            list(timer).set(timer, new Empty());
        } catch (ReflectiveOperationException | RuntimeException e) {
            log.warn("the in-process server's notes on locks can't be switched off; a long run gets slower", e);
        }
    }

    static Object timer(InProcessTestServer server) throws ReflectiveOperationException {
        Field timer = server.getWorkflowService().getClass().getDeclaredField("selfAdvancingTimer");
        timer.setAccessible(true);
        return timer.get(server.getWorkflowService());
    }

    static Field list(Object timer) throws ReflectiveOperationException {
        Field list = timer.getClass().getDeclaredField("lockEvents");
        list.setAccessible(true);
        return list;
    }

    /** Forgets each note at once; that it was there is what the server expects to hear. */
    private static final class Empty extends LinkedList<Object> {
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
