/**
 * What every step runs in: the one thread for tensors, and what surrounds each activity (heartbeats, timers, the
 * translation of failures).
 */
@NullMarked
package org.openstrawberry.activities.runtime;

import org.jspecify.annotations.NullMarked;
