package org.openstrawberry.activities.plan;

import java.util.LinkedHashMap;
import java.util.Map;
import org.openstrawberry.config.ModelSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * The memory that a run takes, in bytes, by what it is; on a GPU all but the program lies on that. Weights and what belongs to them are
 * exact; the two caches are upper bounds by the longest prompt and the longest completion, since a batch is seldom full.
 */
final class MemoryPlan {
    private static final int FLOAT32 = 4;
    private static final int BFLOAT16 = 2;

    /** Java, its heap and PyTorch's libraries, as {@code benchmarks/plan-check} finds them. */
    private static final long PROGRAM = 430L << 20;

    /** Attention's scores that exist at a time; where there are more, none is kept for the gradient. */
    private static final long SCORES = 64L << 20;

    /** Tokens whose logits are computed at a time. */
    private static final int LOGIT_ROWS = 1024;

    private MemoryPlan() {}

    /**
     * The memory by part.
     *
     * @param spec of the run
     * @param model its policy
     * @param trained weights that are trained: all of the model, or those of its adapters
     * @param promptTokens of the longest prompt
     */
    static Map<String, Long> of(RunSpec spec, ModelConfig model, long trained, int promptTokens) {
        boolean adapted = spec.model().lora().isPresent();
        long parameters = model.parameters();
        Map<String, Long> bytes = new LinkedHashMap<>();
        bytes.put("program and libraries", PROGRAM);
        bytes.put("policy", FLOAT32 * (parameters + (adapted ? trained : 0)));
        bytes.put("policy prepared for writing", (1L + spec.sampling().ahead()) * width(spec) * parameters);
        bytes.put("reference", FLOAT32 * trained);
        bytes.put("optimizer", FLOAT32 * trained * moments(spec.optimizer()));
        bytes.put("gradient", FLOAT32 * trained);
        bytes.put("KV cache", keysAndValues(spec, model, promptTokens));
        spec.sampling()
                .tree()
                .ifPresent(tree -> bytes.put(
                        "caches of trees",
                        ((long) tree.cacheMb() << 20) * spec.sampling().shards()));
        bytes.put("activations", activations(spec, model, promptTokens));
        return bytes;
    }

    /** Running means that the optimiser keeps of each weight. */
    private static int moments(OptimizerSpec optimizer) {
        int momentum = optimizer.momentum() > 0 ? 1 : 0;
        return switch (optimizer.kind()) {
            case ADAM, ADAMW -> 2;
            case SGD -> momentum;
            case RMSPROP -> 1 + momentum;
        };
    }

    /** Of one wave: each prompt once, and each of its branches. */
    private static long keysAndValues(RunSpec spec, ModelConfig model, int promptTokens) {
        int branches = spec.sampling().branches();
        int shard = -Math.floorDiv(-spec.sampling().prompts(), spec.sampling().shards());
        long prompts = Math.min(shard, Math.max(1, spec.sampling().waveRows() / branches));
        long tokens =
                prompts * (promptTokens + (long) branches * spec.sampling().maxNewTokens());
        return tokens * model.layers() * 2 * model.kvHeads() * model.headDim() * width(spec);
    }

    /** Of one micro-batch: what each layer keeps for its gradient, attention's weights, and a chunk of logits. */
    private static long activations(RunSpec spec, ModelConfig model, int promptTokens) {
        int length = promptTokens + spec.sampling().maxNewTokens();
        long pair = 2L * length;
        long pairs = (long) spec.sampling().prompts() * spec.pairs().perPrompt();
        long tokens = Math.max(pair, Math.min(spec.optimizer().microBatchTokens(), pairs * pair));
        long heads = (long) model.headDim() * (2L * model.heads() + 2L * model.kvHeads());
        long mlp = (model.gated() ? 3L : 2L) * model.intermediateSize();
        long scores = tokens * model.heads() * length;
        boolean keepsScores = FLOAT32 * scores <= SCORES;
        long layer = tokens * (4L * model.hiddenSize() + heads + mlp) + (keepsScores ? scores : 0);
        long kept = spec.model().gradientCheckpointing()
                ? layer + tokens * model.hiddenSize() * model.layers()
                : layer * model.layers();
        long logits = 2L * Math.min(tokens, LOGIT_ROWS) * model.vocabSize();
        return FLOAT32 * (kept + logits) + (keepsScores ? 0 : SCORES);
    }

    private static int width(RunSpec spec) {
        return spec.model().dtype() == ModelSpec.Dtype.BFLOAT16 ? BFLOAT16 : FLOAT32;
    }
}
