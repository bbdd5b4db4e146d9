package org.openstrawberry.activities.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What it takes that a file or folder is there whole, or not at all, whatever dies meanwhile. */
public final class DurableFiles {
    private static final Logger log = LoggerFactory.getLogger(DurableFiles.class);
    private static final String TEMPORARY = ".tmp";

    private DurableFiles() {}

    /** Writes what a temporary file or folder is to hold. */
    @FunctionalInterface
    public interface Writer {
        void write(Path temporary) throws IOException;
    }

    /** A name beside the target that no other attempt uses. */
    static Path temporaryFor(Path target) {
        return target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + TEMPORARY);
    }

    /** Whether the name is one of {@link #temporaryFor}: what a killed attempt left behind. */
    static boolean isTemporary(Path path) {
        String name = path.getFileName().toString();
        return name.startsWith(".") && name.endsWith(TEMPORARY);
    }

    /** Creates the folder and makes its name durable. */
    static void createFolder(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Path parent = folder.toAbsolutePath().getParent();
            if (parent != null) {
                createFolder(parent);
            }
            Files.createDirectories(folder);
            if (parent != null) {
                sync(parent);
            }
        }
    }

    /** Forces a file's content, or a folder's names, to the disk. */
    static void sync(Path path) throws IOException {
        if (Files.isDirectory(path) && isWindows()) {
            return; // Windows has no handle on a folder to force
        }
        StandardOpenOption mode = Files.isDirectory(path) ? StandardOpenOption.READ : StandardOpenOption.WRITE;
        try (FileChannel channel = FileChannel.open(path, mode)) {
            channel.force(true);
        }
    }

    /** Replaces a file by a new one in one step. For the few files that change; artifacts are published once. */
    public static void replace(Path target, Writer writer) throws IOException {
        createFolder(parentOf(target));
        Path temporary = temporaryFor(target);
        try {
            writer.write(temporary);
            sync(temporary);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            sync(parentOf(target));
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /**
     * Publishes a folder: written under a temporary name, forced to disk file by file, then renamed. The first wins.
     *
     * @return false where another attempt's folder was there before
     */
    public static boolean publishFolder(Path target, Writer writer) throws IOException {
        createFolder(parentOf(target));
        Path temporary = temporaryFor(target);
        try {
            Files.createDirectory(temporary);
            writer.write(temporary);
            for (Path file : list(temporary)) {
                sync(file);
            }
            sync(temporary);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            sync(parentOf(target));
            return true;
        } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
            return false;
        } catch (FileSystemException e) {
            if (Files.isDirectory(target)) {
                return false; // how some file systems refuse to replace a folder
            }
            throw e;
        } finally {
            deleteFolder(temporary);
        }
    }

    /**
     * Makes a file that is never changed in place appear under a second name: a hard link where the file systems allow
     * one, else a copy, forced to disk. The folder of the new name is forced by {@link #publishPrepared}.
     */
    public static void share(Path file, Path name) throws IOException {
        Files.createDirectories(parentOf(name));
        try {
            Files.createLink(name, file);
        } catch (NoSuchFileException e) {
            throw e;
        } catch (FileSystemException | UnsupportedOperationException e) {
            log.debug("{} can't be linked; copied", file, e);
            Files.copy(file, name);
            sync(name);
        }
    }

    /** Gives a folder, whose files are on disk already, its name: its folders are forced to disk, then it is renamed. */
    public static void publishPrepared(Path folder, Path target) throws IOException {
        try (Stream<Path> walk = Files.walk(folder)) {
            for (Path inner : walk.filter(Files::isDirectory).toList()) {
                sync(inner);
            }
        }
        Files.move(folder, target, StandardCopyOption.ATOMIC_MOVE);
        sync(parentOf(target));
    }

    /** Replaces a folder. Between its two renames the target is absent, never half there. */
    public static void replaceFolder(Path target, Writer writer) throws IOException {
        Path old = temporaryFor(target);
        Path next = target.resolveSibling(target.getFileName() + ".next");
        deleteFolder(next);
        publishFolder(next, writer);
        if (Files.isDirectory(target)) {
            Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
        }
        Files.move(next, target, StandardCopyOption.ATOMIC_MOVE);
        sync(parentOf(target));
        deleteFolder(old);
    }

    /** Moves what is damaged out of the way under a name that tells so, and keeps it. */
    public static Path moveAside(Path damaged) throws IOException {
        for (int number = 1; ; number++) {
            Path aside = damaged.resolveSibling(damaged.getFileName() + ".invalid-" + number);
            if (!Files.exists(aside)) {
                Files.move(damaged, aside, StandardCopyOption.ATOMIC_MOVE);
                log.warn("{} is damaged or half written; moved to {}", damaged, aside.getFileName());
                return aside;
            }
        }
    }

    /** Deletes a folder and all in it; does nothing where there is none. */
    public static void deleteFolder(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        List<Path> all;
        try (Stream<Path> walk = Files.walk(folder)) {
            all = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : all) {
            Files.deleteIfExists(path);
        }
    }

    /** What a folder holds, in the order of names; nothing where there is no folder. */
    public static List<Path> list(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        }
    }

    static Path parentOf(Path path) {
        Path parent = path.toAbsolutePath().getParent();
        if (parent == null) {
            throw new IllegalArgumentException(path + " has no folder");
        }
        return parent;
    }

    private static boolean isWindows() {
        return System.getProperty("os.name", "").startsWith("Windows");
    }
}
