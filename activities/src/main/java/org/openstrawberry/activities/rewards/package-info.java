/**
 * Step 3: what scores a thought, and the stream that feeds it. Rewards know nothing of files or workflows.
 */
@NullMarked
package org.openstrawberry.activities.rewards;

import org.jspecify.annotations.NullMarked;
