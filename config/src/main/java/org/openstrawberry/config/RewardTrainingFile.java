package org.openstrawberry.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The settings of a reward model's training: {@code reward-training-defaults.yaml} under what the command line says. */
public final class RewardTrainingFile {
    private static final String HELD_OUT = "held-out";

    private RewardTrainingFile() {}

    /**
     * Puts the settings together and checks them.
     *
     * @param pairs to learn from
     * @param base model to start from
     * @param out where the model goes
     * @param sets options {@code KEY=VALUE}; relative paths in them are relative to the working directory
     * @return complete, its paths absolute; whether those files exist is not looked at
     * @throws InvalidInputException if an option is at fault
     */
    public static RewardTrainingSpec of(Path pairs, Path base, Path out, List<String> sets) {
        List<String> options = new ArrayList<>(sets);
        options.add("pairs=" + RunFile.json(absolute(pairs)));
        options.add("base=" + RunFile.json(absolute(base)));
        options.add("out=" + RunFile.json(absolute(out)));
        Setting.Block complete = Defaults.rewardTraining();
        for (Setting.Block option : RunFile.overlay("--set", options)) {
            complete = complete.overlaidBy(option);
        }
        complete = Defaults.withAdapters(complete);
        Schema.check(RewardTrainingSpec.class, complete, "--set");
        ObjectNode json = (ObjectNode) complete.json();
        if (json.path(HELD_OUT).isTextual() && !json.path(HELD_OUT).textValue().isBlank()) {
            json.put(HELD_OUT, absolute(Path.of(json.path(HELD_OUT).textValue())));
        }
        return RunFile.bind(RewardTrainingSpec.class, complete, json, Path.of("--set"));
    }

    private static String absolute(Path path) {
        return path.toAbsolutePath().normalize().toString();
    }
}
