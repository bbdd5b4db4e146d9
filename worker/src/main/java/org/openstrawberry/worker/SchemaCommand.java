package org.openstrawberry.worker;

import java.util.concurrent.Callable;
import org.openstrawberry.config.RunFileSchema;
import picocli.CommandLine.Command;

/** Prints the schema by which editors complete and check run files. */
@Command(
        name = "schema",
        mixinStandardHelpOptions = true,
        description = "Print the JSON schema of run files, for editors.")
final class SchemaCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        System.out.print(RunFileSchema.text());
        return 0;
    }
}
