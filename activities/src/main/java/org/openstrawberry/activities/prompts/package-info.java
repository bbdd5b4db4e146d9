/**
 * Step 1: which rows of the data an iteration trains on. The order is a pure function of seed and epoch.
 */
@NullMarked
package org.openstrawberry.activities.prompts;

import org.jspecify.annotations.NullMarked;
