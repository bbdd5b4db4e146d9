package org.openstrawberry.config;

/**
 * Where a setting was written.
 *
 * @param layer who wrote it; a higher layer overrides a lower
 * @param text as it stands at the beginning of an error line: {@code FILE:LINE:COLUMN} or {@code --set KEY=VALUE}
 */
record Place(Layer layer, String text) {

    /** The sources of settings, from the weakest to the strongest. */
    enum Layer {
        DEFAULTS,
        FILE,
        OPTION
    }

    InvalidInputException error(String problem) {
        return new InvalidInputException(text + ": " + problem);
    }
}
