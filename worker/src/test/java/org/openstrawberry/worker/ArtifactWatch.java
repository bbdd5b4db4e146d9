package org.openstrawberry.worker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLayout;

/**
 * Looks at a run directory again and again, and remembers when each artifact of an iteration was published and which file
 * it was then. So it can tell what was done again: a file that is no longer the same, or an attempt at a shard that began
 * when the shard was there.
 */
final class ArtifactWatch implements AutoCloseable {
    private static final int LOOK_MS = 15;
    private static final String HASH = ".sha256";
    private static final Pattern SHARD = Pattern.compile("(thoughts|scores)-\\d+\\.jsonl");
    private static final Pattern ATTEMPT =
            Pattern.compile("\\.((?:thoughts|scores)-\\d+\\.jsonl)\\.[0-9a-f-]{36}\\.tmp");

    private final Path directory;
    private final Map<String, Published> published = new LinkedHashMap<>();
    private final Set<Path> attempts = new HashSet<>();
    private final Set<String> attemptedAgain = new HashSet<>();
    private final Thread thread = new Thread(this::watch, "artifacts");
    private int iteration;
    private String newest = "";
    private volatile boolean ended;

    ArtifactWatch(Path directory) {
        this.directory = directory;
        thread.setDaemon(true);
        thread.start();
    }

    /** Which file an artifact was when it was published. */
    private record Identity(String key, Instant modified, long size) {
        static Optional<Identity> of(Path file) throws IOException {
            try {
                BasicFileAttributes read = Files.readAttributes(file, BasicFileAttributes.class);
                return Optional.of(new Identity(
                        String.valueOf(read.fileKey()), read.lastModifiedTime().toInstant(), read.size()));
            } catch (NoSuchFileException e) {
                return Optional.empty();
            }
        }
    }

    private record Published(Optional<Identity> identity, Instant seen) {}

    /** The last iteration whose record is there. */
    synchronized int finishedIteration() {
        return iteration;
    }

    /** What was published last, such as {@code iterations/000017/pairs.jsonl}. */
    synchronized String newest() {
        return newest;
    }

    /** When the first artifact after a moment was seen, of those whose name ends so. */
    synchronized Optional<Instant> firstAfter(Instant moment, String suffix) {
        return published.entrySet().stream()
                .filter(entry -> entry.getKey().endsWith(suffix))
                .map(entry -> entry.getValue().seen())
                .filter(seen -> seen.isAfter(moment))
                .findFirst();
    }

    /** How many shards have been watched: thoughts and scores each count. */
    synchronized long shards() {
        return published.keySet().stream().filter(ArtifactWatch::isShard).count();
    }

    /** Shards that were sampled or scored again when they were finished already. */
    synchronized Set<String> doneAgain() throws IOException {
        Set<String> again = new HashSet<>(attemptedAgain);
        for (Map.Entry<String, Published> entry : published.entrySet()) {
            Optional<Identity> now = Identity.of(directory.resolve(entry.getKey()));
            if (isShard(entry.getKey()) && !now.equals(entry.getValue().identity())) {
                again.add(entry.getKey());
            }
        }
        return again;
    }

    private static boolean isShard(String path) {
        return SHARD.matcher(path.substring(path.lastIndexOf('/') + 1)).matches();
    }

    private void watch() {
        try {
            while (!ended) {
                look();
                Thread.sleep(LOOK_MS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void look() throws IOException {
        for (Path checkpoint : DurableFiles.list(directory.resolve(RunLayout.CHECKPOINTS))) {
            String name = checkpoint.getFileName().toString();
            if (!name.startsWith(".")) {
                publish(RunLayout.CHECKPOINTS + "/" + name);
            }
        }
        // A worker that was frozen comes back late: the iterations before are looked at too.
        for (int number = Math.max(0, iteration - 2); number <= iteration + 1; number++) {
            look(RunLayout.iteration(number));
        }
        while (published.containsKey(RunLayout.iterationRecord(iteration + 1))) {
            iteration++;
        }
    }

    private void look(String folder) throws IOException {
        // In the order of names, attempts come first: what is in the same listing as the artifact began before it.
        for (Path file : DurableFiles.list(directory.resolve(folder))) {
            String name = file.getFileName().toString();
            Matcher attempt = ATTEMPT.matcher(name);
            if (attempt.matches()) {
                String shard = folder + "/" + attempt.group(1);
                if (attempts.add(file) && published.containsKey(shard)) {
                    attemptedAgain.add(shard);
                }
            } else if (name.endsWith(HASH) && !name.startsWith(".")) {
                publish(folder + "/" + name.substring(0, name.length() - HASH.length()));
            }
        }
    }

    private void publish(String path) throws IOException {
        if (!published.containsKey(path)) {
            newest = path;
            published.put(path, new Published(Identity.of(directory.resolve(path)), Instant.now()));
        }
    }

    @Override
    public void close() throws InterruptedException {
        ended = true;
        thread.join();
    }
}
