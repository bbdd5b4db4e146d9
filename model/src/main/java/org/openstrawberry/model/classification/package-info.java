/**
 * Sequence classifiers: models that give a text scores instead of predicting tokens. Pure functions of weights and ids;
 * nothing here knows runs or rewards.
 */
@NullMarked
package org.openstrawberry.model.classification;

import org.jspecify.annotations.NullMarked;
