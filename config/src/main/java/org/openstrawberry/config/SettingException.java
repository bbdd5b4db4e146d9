package org.openstrawberry.config;

import java.util.List;

/**
 * A setting outside its range, or two that do not go together. Thrown by the records' constructors; {@link RunFile}
 * turns it into an {@link InvalidInputException} that names the line.
 */
final class SettingException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    private final String key;
    private final String problem;
    private final transient List<String> related;

    /**
     * @param key the setting in kebab-case, dotted, relative to the record that checks it
     * @param problem what is wrong with it: rule and finding
     * @param related other settings that the rule speaks of; one of them may be the one to mend
     */
    SettingException(String key, String problem, String... related) {
        super(key + ": " + problem);
        this.key = key;
        this.problem = problem;
        this.related = List.of(related);
    }

    String key() {
        return key;
    }

    String problem() {
        return problem;
    }

    List<String> related() {
        return related;
    }
}
