/**
 * Starting, watching and steering runs from code. The only package of this module that uses Reactor; knows nothing of
 * workers or files.
 */
@NullMarked
package org.openstrawberry.workflows.client;

import org.jspecify.annotations.NullMarked;
