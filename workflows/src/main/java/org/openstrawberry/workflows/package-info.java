/**
 * The durable part of a run: the workflow, its state and its stopping rules. Deterministic code only; it never sees a
 * tensor, a file or a clock of its own, and knows nothing of where its server or its workers are.
 */
@NullMarked
package org.openstrawberry.workflows;

import org.jspecify.annotations.NullMarked;
