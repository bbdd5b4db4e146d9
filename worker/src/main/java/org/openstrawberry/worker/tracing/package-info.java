/**
 * Traces of runs for OpenTelemetry. Only what is asked to trace loads anything of this package: its libraries cost a start time.
 */
@NullMarked
package org.openstrawberry.worker.tracing;

import org.jspecify.annotations.NullMarked;
