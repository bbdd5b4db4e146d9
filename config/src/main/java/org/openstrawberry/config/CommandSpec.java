package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * A program that reads one sample a line as JSON and answers each with a line: {@code {"score": 0.5}}. As many of it run as
 * {@code concurrency} says, each kept for all samples until it dies.
 *
 * @param run the program and its arguments
 * @param directory absolute path that it runs in
 */
@JsonNaming(KebabCaseStrategy.class)
public record CommandSpec(List<String> run, String directory) implements RewardKind {

    /** Checks that there is a program. */
    public CommandSpec {
        run = List.copyOf(run);
        Check.that(
                !run.isEmpty() && !run.get(0).isBlank(),
                "run",
                "a program and its arguments, such as [python3, reward.py]",
                run);
        Check.notBlank("directory", directory);
    }
}
