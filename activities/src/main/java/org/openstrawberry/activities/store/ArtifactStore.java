package org.openstrawberry.activities.store;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.openstrawberry.workflows.steps.ArtifactRef;

/**
 * Files that are written once. An artifact appears under its name whole and forced to disk, or not at all; of several
 * attempts the first wins, since a hard link fails where the name exists. Its SHA-256 lies beside it in
 * {@code NAME.sha256} and is checked on every reading. An artifact that is damaged, or whose hash a crash left out, is
 * moved aside and counts as absent.
 */
public final class ArtifactStore {
    /** What the name of an artifact's hash ends with. */
    public static final String HASH = ".sha256";
    /** How long a file may stand without its hash before it counts as left by a crash. */
    private static final int HASH_WAIT_MS = 1_000;

    private final Path root;
    private final Map<String, Object> underWay = new ConcurrentHashMap<>();

    /** @param root the run directory */
    public ArtifactStore(Path root) {
        this.root = root;
    }

    /** Writes an artifact's content. */
    @FunctionalInterface
    public interface Content {
        void write(OutputStream out) throws IOException;
    }

    /** The absolute path of a file of the run. */
    public Path resolve(String path) {
        return root.resolve(path);
    }

    /** The artifact of that name, if it is there and whole. */
    public Optional<ArtifactRef> find(String path) {
        Path file = root.resolve(path);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            awaitHash(file);
            Optional<ArtifactRef> found = inspect(path);
            if (found.isEmpty()) {
                discard(file);
            }
            return found;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether the artifact is there and whole; leaves a damaged one where it is. */
    public boolean isWhole(String path) {
        try {
            return inspect(path).isPresent();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The artifact of that name, which must be there and whole; leaves a damaged one where it is.
     *
     * @throws DamagedArtifactException naming the file, what was found and what expected
     */
    public ArtifactRef require(String path) {
        Path file = root.resolve(path);
        Path hash = hashOf(file);
        try {
            String expected = Files.readString(hash, StandardCharsets.US_ASCII).split(" ", 2)[0];
            return new ArtifactRef(path, Files.size(file), requireHash(file, expected));
        } catch (NoSuchFileException e) {
            Path missing = Files.exists(hash) ? file : hash;
            throw new DamagedArtifactException(missing + ": missing, expected an artifact and its SHA-256 beside it");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String requireHash(Path file, String expected) throws IOException {
        String found = Hashes.sha256(file);
        if (!found.equals(expected)) {
            throw new DamagedArtifactException(file + ": SHA-256 is " + found + ", expected " + expected);
        }
        return found;
    }

    /** The artifacts in a folder of the run: the files that a hash lies beside, damaged or not. */
    public List<String> artifacts(String folder) throws IOException {
        return DurableFiles.list(root.resolve(folder)).stream()
                .filter(file -> Files.exists(hashOf(file)))
                .map(file -> folder + "/" + file.getFileName())
                .toList();
    }

    /**
     * The artifact of that name, made if it is not there and whole. Of two attempts in this process the second waits for
     * the first and takes what it made: a server that was away may ask again for a step that is still under way.
     *
     * @throws UncheckedIOException as {@link #publish}
     */
    public ArtifactRef once(String path, Content content) {
        synchronized (underWay.computeIfAbsent(path, any -> new Object())) {
            try {
                return find(path).orElseGet(() -> publish(path, content));
            } finally {
                underWay.remove(path);
            }
        }
    }

    /**
     * Publishes an artifact.
     *
     * @return what stands under that name now: this content, or that of an attempt which was faster
     * @throws UncheckedIOException if it can't be written; then nothing stands under that name that was not there before
     */
    public ArtifactRef publish(String path, Content content) {
        Path target = root.resolve(path);
        try {
            DurableFiles.createFolder(DurableFiles.parentOf(target));
            Path temporary = DurableFiles.temporaryFor(target);
            try {
                ArtifactRef written = write(path, temporary, content);
                return link(temporary, target, written);
            } finally {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The file behind a reference, once its length and hash are found to be right.
     *
     * @throws DamagedArtifactException if it is missing or is not what was published
     */
    public Path verified(ArtifactRef ref) {
        Path file = root.resolve(ref.path());
        try {
            long length = Files.size(file);
            if (length != ref.length()) {
                throw new DamagedArtifactException(file + ": has " + length + " bytes, expected " + ref.length());
            }
            requireHash(file, ref.sha256());
            return file;
        } catch (NoSuchFileException e) {
            throw new DamagedArtifactException(file + ": missing, expected " + ref.length() + " bytes");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Moves an artifact aside, so that it counts as absent. */
    public void discard(String path) {
        try {
            discard(root.resolve(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Deletes what killed attempts left behind. Only for the one process that holds the run's lock. */
    public void sweep() {
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path path : walk.filter(DurableFiles::isTemporary).toList()) {
                DurableFiles.deleteFolder(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ArtifactRef write(String path, Path temporary, Content content) throws IOException {
        MessageDigest digest = Hashes.newSha256();
        try (OutputStream out =
                new DigestOutputStream(new BufferedOutputStream(Files.newOutputStream(temporary)), digest)) {
            content.write(out);
        }
        DurableFiles.sync(temporary);
        return new ArtifactRef(path, Files.size(temporary), Hashes.hex(digest));
    }

    private ArtifactRef link(Path temporary, Path target, ArtifactRef written) throws IOException {
        while (true) {
            Optional<ArtifactRef> standing;
            try {
                Files.createLink(target, temporary);
                Files.deleteIfExists(hashOf(target)); // of a file that was taken away by hand
                publishHash(target, written.sha256());
                standing = Optional.of(written);
            } catch (FileAlreadyExistsException e) {
                awaitHash(target);
                standing = inspect(written.path());
            }
            if (standing.isPresent()) {
                DurableFiles.sync(DurableFiles.parentOf(target));
                return standing.get();
            }
            discard(target);
        }
    }

    private static void publishHash(Path target, String sha256) throws IOException {
        Path hash = hashOf(target);
        Path temporary = DurableFiles.temporaryFor(hash);
        try {
            Files.writeString(temporary, sha256 + "  " + target.getFileName() + "\n");
            DurableFiles.sync(temporary);
            Files.createLink(hash, temporary);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /** The attempt that linked the file may still be writing its hash. */
    private static void awaitHash(Path file) throws IOException {
        for (int waited = 0; waited < HASH_WAIT_MS && !Files.exists(hashOf(file)); waited += 10) {
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for " + hashOf(file), e);
            }
        }
    }

    private Optional<ArtifactRef> inspect(String path) throws IOException {
        Path file = root.resolve(path);
        try {
            String line = Files.readString(hashOf(file), StandardCharsets.US_ASCII);
            String found = Hashes.sha256(file);
            return line.equals(found + "  " + file.getFileName() + "\n")
                    ? Optional.of(new ArtifactRef(path, Files.size(file), found))
                    : Optional.empty();
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    private static void discard(Path file) throws IOException {
        Files.deleteIfExists(hashOf(file));
        if (Files.exists(file)) {
            DurableFiles.moveAside(file);
        }
    }

    private static Path hashOf(Path file) {
        return file.resolveSibling(file.getFileName() + HASH);
    }
}
