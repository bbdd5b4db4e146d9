/**
 * Makes the data of the shipped demo: words split into those to train on and those held out, prompts, and the examples
 * of the warm-up. Pure Java on files; imports nothing of the workflows, the activities or the model.
 */
@NullMarked
package org.openstrawberry.worker.demo;

import org.jspecify.annotations.NullMarked;
