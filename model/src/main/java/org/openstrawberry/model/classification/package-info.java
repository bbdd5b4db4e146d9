/**
 * Sequence classifiers: models that give a text scores instead of predicting tokens, and how one learns
 * to score from preferences. Functions of weights and ids; nothing here knows runs.
 */
@NullMarked
package org.openstrawberry.model.classification;

import org.jspecify.annotations.NullMarked;
