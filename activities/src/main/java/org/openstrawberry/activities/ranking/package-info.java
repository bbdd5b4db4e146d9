/**
 * Steps 4 to 6: ranking and pairing. The rules are pure functions; the activity around them only fetches and stores.
 */
@NullMarked
package org.openstrawberry.activities.ranking;

import org.jspecify.annotations.NullMarked;
