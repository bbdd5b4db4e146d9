/**
 * Chat templates: from messages to the text that a model was trained on. The Jinja library stays inside; knows nothing of
 * tensors.
 */
@NullMarked
package org.openstrawberry.model.chat;

import org.jspecify.annotations.NullMarked;
