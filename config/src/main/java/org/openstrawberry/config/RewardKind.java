package org.openstrawberry.config;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What scores a thought: one of the keys of {@code reward} in the run file. */
public sealed interface RewardKind
        permits VerifierSpec, CommandSpec, HttpSpec, JudgeSpec, JavaSpec, ClassifierSpec, SumSpec {

    /**
     * The one kind that is given.
     *
     * @param kinds by key, in the order in which an error names them
     */
    static Map.Entry<String, RewardKind> only(Map<String, Optional<? extends RewardKind>> kinds) {
        Map<String, RewardKind> given = new LinkedHashMap<>();
        kinds.forEach((key, kind) -> kind.ifPresent(present -> given.put(key, present)));
        String expected = Check.oneOf(kinds.keySet());
        if (given.isEmpty()) {
            throw new SettingException(
                    kinds.keySet().iterator().next(), "missing; expected a reward: one of " + expected);
        }
        String[] keys = given.keySet().toArray(String[]::new);
        if (keys.length > 1) {
            throw new SettingException(
                    keys[1],
                    "stands beside " + keys[0] + "; expected one of " + expected + " (null removes one)",
                    keys[0]);
        }
        return given.entrySet().iterator().next();
    }
}
