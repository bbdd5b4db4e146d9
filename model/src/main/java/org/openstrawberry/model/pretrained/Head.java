package org.openstrawberry.model.pretrained;

/** What stands on top of a decoder. */
enum Head {
    LANGUAGE_MODEL,
    CLASSIFIER
}
