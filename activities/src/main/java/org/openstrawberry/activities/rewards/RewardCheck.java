package org.openstrawberry.activities.rewards;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.ClassifierSpec;
import org.openstrawberry.config.CommandSpec;
import org.openstrawberry.config.HttpSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.JavaSpec;
import org.openstrawberry.config.JudgeSpec;
import org.openstrawberry.config.RewardKind;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.SumSpec;

/**
 * Whether what a reward needs is there, as seen from this process, without scoring anything: programs, classes and models,
 * and services, which are asked for nothing but an answer.
 */
public final class RewardCheck {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Function<String, @Nullable String> environment;
    private final boolean thorough;

    /** @param thorough whether services are asked and classes take their settings too, as for somebody who uses neither next */
    public RewardCheck(boolean thorough) {
        this(System::getenv, thorough);
    }

    RewardCheck(Function<String, @Nullable String> environment, boolean thorough) {
        this.environment = environment;
        this.thorough = thorough;
    }

    /**
     * Looks at a reward.
     *
     * @param key of its block in the run file
     * @throws InvalidInputException naming the key and what is missing
     */
    public void check(String key, RewardSpec spec) {
        check(key, spec.kind());
    }

    private void check(String key, RewardKind kind) {
        if (kind instanceof CommandSpec command) {
            checkProgram(key + ".command", command);
        } else if (kind instanceof HttpSpec http) {
            checkService(key + ".http", http.url(), http.headers());
        } else if (kind instanceof JudgeSpec judge) {
            checkService(key + ".judge", judge.url(), judge.headers());
        } else if (kind instanceof JavaSpec java) {
            checkClass(key, java);
        } else if (kind instanceof ClassifierSpec classifier) {
            checkModel(key + ".classifier.model", classifier);
        } else if (kind instanceof SumSpec sum) {
            sum.parts().forEach((name, part) -> check(key + ".sum.parts." + name, part.kind()));
        }
    }

    private void checkProgram(String key, CommandSpec spec) {
        Path directory = Path.of(spec.directory());
        if (!Files.isDirectory(directory)) {
            throw new InvalidInputException(key + ".directory: found " + directory + ", expected a directory");
        }
        String program = spec.run().get(0);
        Stream<Path> places = program.contains("/") || program.contains(File.separator)
                ? Stream.of(directory.resolve(program))
                : Stream.of(Optional.ofNullable(environment.apply("PATH"))
                                .orElse("")
                                .split(File.pathSeparator, -1))
                        .filter(folder -> !folder.isEmpty())
                        .flatMap(folder -> names(program).map(name -> Path.of(folder, name)));
        if (places.noneMatch(place -> Files.isRegularFile(place) && Files.isExecutable(place))) {
            throw new InvalidInputException(key + ".run: found \"" + program
                    + "\", expected a program that can be executed, on the PATH or, with a / in its name, in "
                    + directory
                    + (Files.exists(directory.resolve(program)) ? " (chmod +x makes a file one)" : ""));
        }
    }

    /** Windows finds programs without their ending. */
    private static Stream<String> names(String program) {
        return File.pathSeparatorChar == ';'
                ? Stream.of(program, program + ".exe", program + ".cmd", program + ".bat")
                : Stream.of(program);
    }

    /** Any answer will do: what takes posts may refuse everything else. */
    private void checkService(String key, String url, Map<String, String> headers) {
        Secrets secrets = new Secrets(environment);
        headers.forEach((name, value) -> secrets.resolved(key + ".headers." + name, value));
        if (!thorough) {
            return;
        }
        try {
            HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .connectTimeout(PATIENCE)
                    .build()
                    .send(
                            HttpRequest.newBuilder(URI.create(url))
                                    .method("HEAD", BodyPublishers.noBody())
                                    .timeout(PATIENCE)
                                    .build(),
                            BodyHandlers.discarding());
        } catch (IOException e) {
            throw new InvalidInputException(
                    key + ".url: nothing answers at " + url.replaceFirst("[?#].*", "") + " ("
                            + e.getClass().getSimpleName() + "), expected a service (--no-reward leaves this out)",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Making a reward may load a model; whoever makes it next need not wait for two. */
    private void checkClass(String key, JavaSpec spec) {
        if (thorough) {
            Rewards.provided(key + ".java", spec).close();
        } else {
            Rewards.provider(key + ".java", spec);
        }
    }

    private static void checkModel(String key, ClassifierSpec spec) {
        try {
            LocalClassifiers.open(spec);
        } catch (InvalidInputException e) {
            throw new InvalidInputException(key + ": " + e.getMessage(), e);
        }
    }
}
