/**
 * What a run is: its settings as records, read from YAML with every mistake named by file and line. Imports nothing of
 * the other modules, no Temporal and no DJL.
 */
@NullMarked
package org.openstrawberry.config;

import org.jspecify.annotations.NullMarked;
