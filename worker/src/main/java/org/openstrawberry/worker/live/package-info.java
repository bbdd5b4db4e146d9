/**
 * The live page: a run as it goes, in a browser, and buttons that steer it. Serves what the run's workflow and its directory
 * say; does nothing while nobody looks. Knows no tensors.
 */
@NullMarked
package org.openstrawberry.worker.live;

import org.jspecify.annotations.NullMarked;
