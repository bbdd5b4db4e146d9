/**
 * One run in this process: its settings, data and store, how its directory is set up and checked, and its log.
 */
@NullMarked
package org.openstrawberry.activities.run;

import org.jspecify.annotations.NullMarked;
