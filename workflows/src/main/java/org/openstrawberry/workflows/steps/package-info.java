/**
 * The steps of an iteration as activity interfaces, and the small records that travel between them. Texts and tensors
 * stay in the run directory: a record names an artifact, its length and its hash. Imports nothing but settings.
 */
@NullMarked
package org.openstrawberry.workflows.steps;

import org.jspecify.annotations.NullMarked;
