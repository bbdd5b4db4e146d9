package org.openstrawberry.model.pretrained;

import java.util.List;
import java.util.regex.Pattern;

/**
 * What the tensors of a family are called in its files, and how they lie there. Names of a layer's parts come without the
 * layer's prefix and without {@code .weight} and {@code .bias}.
 *
 * @param base what all names but the head's begin with; files of the bare model leave it out
 * @param embedding rows by token
 * @param positions rows by position, for models that learn them
 * @param layers what the names of all layers begin with, up to the number
 * @param attentionNorm before attention
 * @param queryKeyValue one tensor for each of the three, or one for all, rows in this order
 * @param queryNorm of each head, for models that have it
 * @param keyNorm of each head, for models that have it
 * @param attentionOutput behind attention
 * @param afterAttentionNorm behind that, for models that have it
 * @param feedForwardNorm before the feed-forward part
 * @param gateAndUp a tensor for each of the two, or one for both, gate first; of a part without a gate, one for up
 * @param down back to the residual stream
 * @param afterFeedForwardNorm behind that, for models that have it
 * @param finalNorm behind the last layer
 * @param inByOut whether matrices are [in, out] instead of [out, in]
 * @param ignored tensors that files may hold and that follow from the configuration; transformers ignores them too
 */
public record TensorNames(
        String base,
        String embedding,
        String positions,
        String layers,
        String attentionNorm,
        List<String> queryKeyValue,
        String queryNorm,
        String keyNorm,
        String attentionOutput,
        String afterAttentionNorm,
        String feedForwardNorm,
        List<String> gateAndUp,
        String down,
        String afterFeedForwardNorm,
        String finalNorm,
        boolean inByOut,
        Pattern ignored) {
    /** The output layer of language models, [vocab, hidden]; absent where it is tied to the embedding. */
    public static final String OUTPUT = "lm_head.weight";

    /** The output layer of sequence classifiers, [labels, hidden]. */
    public static final String SCORE = "score.weight";

    private static final Pattern ROTARY = Pattern.compile(".*\\.rotary_emb\\.inv_freq");

    static final TensorNames LLAMA = new TensorNames(
            "model.",
            "model.embed_tokens",
            "",
            "model.layers.",
            "input_layernorm",
            List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            "self_attn.q_norm",
            "self_attn.k_norm",
            "self_attn.o_proj",
            "",
            "post_attention_layernorm",
            List.of("mlp.gate_proj", "mlp.up_proj"),
            "mlp.down_proj",
            "",
            "model.norm",
            false,
            ROTARY);

    /** As Llama's, with norms on both sides of attention and feed-forward part. */
    static final TensorNames GEMMA = new TensorNames(
            LLAMA.base,
            LLAMA.embedding,
            "",
            LLAMA.layers,
            LLAMA.attentionNorm,
            LLAMA.queryKeyValue,
            LLAMA.queryNorm,
            LLAMA.keyNorm,
            LLAMA.attentionOutput,
            "post_attention_layernorm",
            "pre_feedforward_layernorm",
            LLAMA.gateAndUp,
            LLAMA.down,
            "post_feedforward_layernorm",
            LLAMA.finalNorm,
            false,
            ROTARY);

    /** As Llama's, with query, key and value in one tensor, and gate and up in one. */
    static final TensorNames PHI3 = new TensorNames(
            LLAMA.base,
            LLAMA.embedding,
            "",
            LLAMA.layers,
            LLAMA.attentionNorm,
            List.of("self_attn.qkv_proj"),
            "",
            "",
            LLAMA.attentionOutput,
            "",
            LLAMA.feedForwardNorm,
            List.of("mlp.gate_up_proj"),
            LLAMA.down,
            "",
            LLAMA.finalNorm,
            false,
            ROTARY);

    static final TensorNames GPT2 = new TensorNames(
            "transformer.",
            "transformer.wte",
            "transformer.wpe",
            "transformer.h.",
            "ln_1",
            List.of("attn.c_attn"),
            "",
            "",
            "attn.c_proj",
            "",
            "ln_2",
            List.of("mlp.c_fc"),
            "mlp.c_proj",
            "",
            "transformer.ln_f",
            true,
            Pattern.compile("(transformer\\.)?h\\.\\d+\\.attn\\.(bias|masked_bias)"));

    /** What the names of a layer's tensors begin with, such as {@code model.layers.0.}. */
    public String layer(int number) {
        return layers + number + ".";
    }
}
