/**
 * What a run would cost, before it is started: memory, disk, time. Nothing here writes into a run directory.
 */
@NullMarked
package org.openstrawberry.activities.plan;

import org.jspecify.annotations.NullMarked;
