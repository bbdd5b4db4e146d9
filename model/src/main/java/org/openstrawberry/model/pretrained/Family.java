package org.openstrawberry.model.pretrained;

/**
 * A family of models: how its {@code config.json} says what it computes. The families stand in {@link Families}, each of
 * them as its differences from Llama.
 */
interface Family {
    /** The {@code model_type} of its configurations. */
    String modelType();

    /** The class in transformers, without {@code ForCausalLM} or {@code ForSequenceClassification}. */
    String name();

    /** The class of its language models in transformers. */
    default String languageModel() {
        return name() + "ForCausalLM";
    }

    /** The class of its sequence classifiers in transformers. */
    default String classifier() {
        return name() + "ForSequenceClassification";
    }

    /**
     * Reads what the family's models compute.
     *
     * @param file a configuration of this family
     * @throws org.openstrawberry.config.InvalidInputException if a key is wrong, or asks for what is not supported
     */
    ModelConfig.Builder read(ConfigFile file);
}
