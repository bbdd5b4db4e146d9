/**
 * Hugging Face model directories: their configuration, tokenizer and weights, checked, read and written back. Imports
 * the safetensors package and the model's root, not the packages that compute with the weights.
 */
@NullMarked
package org.openstrawberry.model.pretrained;

import org.jspecify.annotations.NullMarked;
