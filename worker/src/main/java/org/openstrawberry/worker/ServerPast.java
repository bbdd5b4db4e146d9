package org.openstrawberry.worker;

import io.temporal.api.enums.v1.EventType;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.testserver.TestServer.InProcessTestServer;
import java.lang.reflect.Field;
import java.util.HashMap;
import java.util.LinkedList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the in-process server keeps of the past, though nobody asks for it: it was made for tests, which are short. Of each
 * lock of its clock it keeps a note for who debugs it, in a list that it looks through at every step, so that an iteration
 * took twice as long after three thousand others. And it keeps all histories, some 30 KB an iteration. There is no switch for
 * either, so both collections are replaced.
 */
final class ServerPast {
    private static final Logger log = LoggerFactory.getLogger(ServerPast.class);

    private final InProcessTestServer server;

    ServerPast(InProcessTestServer server) {
        this.server = server;
    }

    /** From now on no more is kept than is needed. Another version of the server, built otherwise, stays as it is. */
    void drop() {
        try {
            Object timer = timer();
            field(timer.getClass(), "lockEvents").set(timer, new Nothing());
            Object store = store();
            Class<?> history = Class.forName(store.getClass().getName() + "$HistoryStore");
            field(store.getClass(), "histories").set(store, new Histories(field(history, "history")));
        } catch (ReflectiveOperationException | RuntimeException e) {
            log.warn(
                    "a long run in this process gets slower and needs ever more memory; a server of its own does not",
                    e);
        }
    }

    /** Notes of locks that are held there. */
    List<?> lockNotes() throws ReflectiveOperationException {
        Object timer = timer();
        return (List<?>) field(timer.getClass(), "lockEvents").get(timer);
    }

    /** Events that are held there, by execution. */
    List<Integer> events() throws ReflectiveOperationException {
        Object store = store();
        return ((Histories) field(store.getClass(), "histories").get(store)).sizes();
    }

    private Object timer() throws ReflectiveOperationException {
        return ofService("selfAdvancingTimer");
    }

    private Object store() throws ReflectiveOperationException {
        return ofService("store");
    }

    private Object ofService(String name) throws ReflectiveOperationException {
        return field(server.getWorkflowService().getClass(), name).get(server.getWorkflowService());
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

    /**
     * By execution. When one begins, those that were continued as new before it keep their first event, which tells what
     * they were, and their last, which tells whoever waits for a result where to go on waiting. The server's lock is held.
     */
    private static final class Histories extends HashMap<Object, Object> {
        private static final long serialVersionUID = 1;

        private final transient Field events;

        Histories(Field events) {
            this.events = events;
        }

        @Override
        public Object put(Object execution, Object history) {
            values().stream().map(this::of).forEach(Histories::trim);
            return super.put(execution, history);
        }

        List<Integer> sizes() {
            return values().stream().map(history -> of(history).size()).toList();
        }

        private static void trim(List<HistoryEvent> history) {
            int last = history.size() - 1;
            if (last > 1
                    && history.get(last).getEventType() == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW) {
                history.subList(1, last).clear();
            }
        }

        @SuppressWarnings("unchecked") // as the server declares it
        private List<HistoryEvent> of(Object history) {
            try {
                return (List<HistoryEvent>) events.get(history);
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
