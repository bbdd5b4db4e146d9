package org.openstrawberry.worker.live;

import java.util.Map;
import java.util.Optional;
import java.util.Stack;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options that ask for a live page. */
public final class WebOptions {
    /** Where the page is unless another port is given. */
    public static final int DEFAULT_PORT = 8240;

    private static final String TOKEN_VARIABLE = "STRAWBERRY_WEB_TOKEN";
    private static final int SHORTEST_TOKEN = 16;

    @Option(
            names = "--web",
            arity = "0..1",
            paramLabel = "[HOST:]PORT",
            preprocessor = Address.class,
            description = "Serve a live page, by default at port " + DEFAULT_PORT
                    + "; without a host only to this machine, with another one to whoever has its token.")
    private @Nullable String address;

    @Option(
            names = "--web-token",
            paramLabel = "TOKEN",
            description = "What the page demands, by default STRAWBERRY_WEB_TOKEN; without either it makes one where"
                    + " others can reach it.")
    private @Nullable String token;

    /** Takes what follows the option only where it is an address: a run file may follow as well. */
    static final class Address implements IParameterPreprocessor {
        @Override
        @SuppressWarnings("JdkObsolete") // as picocli has it
        public boolean preprocess(
                Stack<String> arguments, CommandSpec command, ArgSpec option, Map<String, Object> info) {
            boolean attached = "=".equals(info.get("separator"));
            if (!attached && (arguments.isEmpty() || !ListenAddress.looksLikeOne(arguments.peek()))) {
                arguments.push("");
            }
            return false;
        }
    }

    /**
     * Begins to serve and says where, if that is asked for.
     *
     * @param runs what is shown
     * @throws InvalidInputException if the address is none or taken, or the token is too short or without effect
     */
    public Served open(Supplier<RunSource> runs) {
        if (address == null) {
            if (token != null) {
                throw new InvalidInputException("--web-token: has no effect without --web");
            }
            return new Served(Optional.empty());
        }
        LivePage page = LivePage.open(ListenAddress.parse("--web", address, DEFAULT_PORT), token(), runs.get());
        System.out.println(page.told());
        return new Served(Optional.of(page));
    }

    private Optional<String> token() {
        Optional<String> given = Optional.ofNullable(token)
                .or(() -> Optional.ofNullable(System.getenv(TOKEN_VARIABLE)).filter(value -> !value.isEmpty()));
        given.filter(value -> !value.matches("[A-Za-z0-9_.~-]{" + SHORTEST_TOKEN + ",}"))
                .ifPresent(value -> {
                    throw new InvalidInputException((token != null ? "--web-token" : TOKEN_VARIABLE)
                            + ": expected at least " + SHORTEST_TOKEN
                            + " letters, digits or any of - . _ ~, which can stand in a URL");
                });
        return given;
    }
}
