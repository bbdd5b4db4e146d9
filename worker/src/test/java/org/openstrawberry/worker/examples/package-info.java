/** Programs that use the typed client, as {@code docs/client.md} shows them. They see only what is public. */
@NullMarked
package org.openstrawberry.worker.examples;

import org.jspecify.annotations.NullMarked;
