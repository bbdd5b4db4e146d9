/**
 * The safetensors file format, read with every bound checked and written as a stream. Knows nothing of language models
 * and imports of the model only this package, besides the messages of {@code org.openstrawberry.config}.
 */
@NullMarked
package org.openstrawberry.model.safetensors;

import org.jspecify.annotations.NullMarked;
