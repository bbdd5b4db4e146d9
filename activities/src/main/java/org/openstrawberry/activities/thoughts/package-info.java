/**
 * Step 2 and the held-out evaluation: prompts stream in, waves of completions come out.
 */
@NullMarked
package org.openstrawberry.activities.thoughts;

import org.jspecify.annotations.NullMarked;
