package org.openstrawberry.worker;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.DurableFiles;

/**
 * Java as a test's processes run it: with the launcher's options and, as the launcher, with an archive of classes, without
 * which each start takes seconds more of the processor. Of the libraries' classes only, since an archive knows no folders.
 */
final class TestJava {
    private static final Map<Boolean, List<String>> CLASS_PATH = Arrays.stream(
                    System.getProperty("java.class.path").split(File.pathSeparator))
            .collect(Collectors.partitioningBy(entry -> entry.endsWith(".jar")));

    private static final List<String> JARS = CLASS_PATH.getOrDefault(true, List.of());

    private static final List<String> PLAIN =
            List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:CompileThresholdScaling=0.1");

    private static final List<String> COMMAND = withArchive();

    private TestJava() {}

    /** What runs our command line, before its arguments. */
    static List<String> main() {
        return COMMAND;
    }

    private static List<String> withArchive() {
        Path archive =
                Path.of("target", "libraries-" + Runtime.version() + ".jsa").toAbsolutePath();
        try {
            if (isStale(archive)) {
                make(archive);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        // An archive that does not fit is left alone, without a word.
        return main("-XX:SharedArchiveFile=" + archive, "-Xshare:auto", "-Xlog:cds*=off");
    }

    private static boolean isStale(Path archive) throws IOException {
        if (Files.notExists(archive)) {
            return true;
        }
        for (String jar : JARS) {
            if (Files.getLastModifiedTime(Path.of(jar)).compareTo(Files.getLastModifiedTime(archive)) > 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * From what a run of two iterations loads, but for our own classes, which it would not find, and the classes that it
     * makes of lambdas, with which Java has crashed. Where it can't make the archive, processes start without.
     */
    private static void make(Path archive) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory(archive.getParent(), "classes-");
        Path list = folder.resolve("list");
        Path made = folder.resolve("made.jsa");
        List<String> train = new ArrayList<>(main("-XX:DumpLoadedClassList=" + list));
        train.addAll(new TinyRun(folder).train("run", "until.iterations=2"));
        if (runs(folder, train)) {
            Files.write(
                    list,
                    Files.readAllLines(list).stream()
                            .filter(line -> !line.startsWith("@lambda-proxy") && !line.contains("org/openstrawberry/"))
                            .toList());
            List<String> dump = java(
                    List.of("-Xshare:dump", "-XX:SharedClassListFile=" + list, "-XX:SharedArchiveFile=" + made),
                    List.of("-XX:ErrorFile=" + folder.resolve("crash"), "-cp", String.join(File.pathSeparator, JARS)));
            if (runs(folder, dump)) {
                Files.move(made, archive, StandardCopyOption.ATOMIC_MOVE);
            }
        }
        DurableFiles.deleteFolder(folder);
    }

    private static boolean runs(Path folder, List<String> command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("said").toFile())
                        .start()
                        .waitFor()
                == 0;
    }

    private static List<String> main(String... options) {
        String classPath = Stream.concat(JARS.stream(), CLASS_PATH.getOrDefault(false, List.of()).stream())
                .collect(Collectors.joining(File.pathSeparator));
        return java(List.of(options), List.of("-cp", classPath, Main.class.getName()));
    }

    @SafeVarargs
    private static List<String> java(List<String>... parts) {
        return Stream.of(
                        Stream.of(Path.of(System.getProperty("java.home"), "bin", "java")
                                .toString()),
                        PLAIN.stream(),
                        Arrays.stream(parts).flatMap(Collection::stream))
                .flatMap(part -> part)
                .toList();
    }
}
