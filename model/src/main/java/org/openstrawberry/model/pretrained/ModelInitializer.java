package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.safetensors.ElementType;
import org.openstrawberry.model.safetensors.SafetensorsWriter;
import org.openstrawberry.model.safetensors.TensorSource;

/**
 * Fresh weights drawn from a seed, as transformers initialises them: the gains of norms are 1, biases 0, all else is
 * normal with mean 0 and the configuration's {@code initializer_range} as standard deviation; of GPT-2's output matrices
 * of attention and feed-forward parts that over √(2 · layers). Each number is a function of the seed, the tensor's
 * name and the place in it, computed in strict arithmetic: the bytes are the same on every machine.
 */
public final class ModelInitializer {
    private static final int BUFFER_BYTES = 1 << 16;

    private ModelInitializer() {}

    /**
     * Makes a model directory.
     *
     * @param configDirectory has {@code config.json} and {@code tokenizer.json}, which are copied with what goes with them
     * @param seed of the weights
     * @param target created if it is not there; files in it are replaced
     * @throws org.openstrawberry.config.InvalidInputException if the configuration or the tokenizer is missing or broken
     * @throws java.io.UncheckedIOException if the target cannot be written
     */
    public static void init(Path configDirectory, long seed, Path target) {
        ModelDirectory source =
                ModelDirectory.openWithoutWeights(configDirectory, Head.LANGUAGE_MODEL, Head.CLASSIFIER);
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        ModelConfig config = source.config();
        config.tensors().forEach(tensor -> tensors.put(tensor.name(), fresh(tensor, config, seed)));
        source.copyWithoutWeights(target);
        SafetensorsWriter.writeStreams(target.resolve(WeightFiles.SINGLE), tensors, SafetensorsWriter.PYTORCH);
    }

    /**
     * Makes a sequence classifier with one label, to be trained: the decoder of a language model under a fresh head. Of a
     * directory that is such a classifier already it makes a copy.
     *
     * @param base a language model, or a sequence classifier with one label
     * @param seed of the head
     * @param target created if it is not there; files in it are replaced
     * @param memory of the weights meanwhile
     * @throws org.openstrawberry.config.InvalidInputException if a file of the base is missing, broken or unfit
     * @throws java.io.UncheckedIOException if the target cannot be written
     */
    public static void initClassifier(ModelDirectory base, long seed, Path target, NDManager memory) {
        try (Weights weights = base.load(memory)) {
            if (base.config().classifies()) {
                base.export(target, weights);
                return;
            }
            base.copyAsClassifier(target);
            ModelDirectory classifier = ModelDirectory.openWithoutWeights(target, Head.CLASSIFIER);
            ModelConfig config = classifier.config();
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            config.tensors().forEach(tensor -> {
                boolean head = tensor.name().equals(config.headName());
                arrays.put(
                        tensor.name(), head ? freshMatrix(tensor, config, seed, memory) : weights.get(tensor.name()));
            });
            WeightFiles.write(target, arrays, ModelDirectory.SHARD_BYTES);
        }
    }

    private static NDArray freshMatrix(ModelConfig.Tensor tensor, ModelConfig config, long seed, NDManager memory) {
        Normal source = normal(tensor, config, seed);
        float[] elements = new float[Math.toIntExact(tensor.shape().size())];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = source.element(i);
        }
        return memory.create(elements, tensor.shape());
    }

    private static Normal normal(ModelConfig.Tensor tensor, ModelConfig config, long seed) {
        return new Normal(
                tensor.shape(), Philox.seed(seed, "initial weights of " + tensor.name()), deviation(tensor, config));
    }

    /** GPT-2 draws what is added to the residual stream smaller, by √(additions): Radford et al. 2019, section 2.3. */
    private static double deviation(ModelConfig.Tensor tensor, ModelConfig config) {
        TensorNames names = config.names();
        boolean added = names.equals(TensorNames.GPT2)
                && (tensor.name().endsWith("." + names.attentionOutput() + ".weight")
                        || tensor.name().endsWith("." + names.down() + ".weight"));
        return added ? config.initializerRange() / StrictMath.sqrt(2.0 * config.layers()) : config.initializerRange();
    }

    private static TensorSource fresh(ModelConfig.Tensor tensor, ModelConfig config, long seed) {
        return switch (tensor.role()) {
            case MATRIX -> normal(tensor, config, seed);
            case NORM_GAIN -> new Constant(tensor.shape(), config.norms().kind() == Norms.Kind.RMS_PLUS_ONE ? 0 : 1);
            case BIAS -> new Constant(tensor.shape(), 0);
        };
    }

    private interface Float32Source extends TensorSource {
        float element(long index);

        @Override
        default ElementType type() {
            return ElementType.F32;
        }

        @Override
        default void writeTo(WritableByteChannel channel) throws IOException {
            ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            long elements = shape().size();
            for (long index = 0; index < elements; index++) {
                buffer.putFloat(element(index));
                if (!buffer.hasRemaining() || index == elements - 1) {
                    buffer.flip();
                    while (buffer.hasRemaining()) {
                        channel.write(buffer);
                    }
                    buffer.clear();
                }
            }
        }
    }

    private record Constant(Shape shape, float value) implements Float32Source {
        @Override
        public float element(long index) {
            return value;
        }
    }

    /** Box–Muller in double: elements 2k and 2k + 1 are the cosine and the sine of the block at place k. */
    private record Normal(Shape shape, long seed, double deviation) implements Float32Source {
        @Override
        public float element(long index) {
            long place = index >>> 1;
            int[] words = Philox.block(seed, place & 0xFFFFFFFFL, place >>> 32, 0, 0);
            double radius = StrictMath.sqrt(-2 * StrictMath.log(openUnit(words[0])));
            double angle = 2 * Math.PI * openUnit(words[1]);
            double direction = (index & 1) == 0 ? StrictMath.cos(angle) : StrictMath.sin(angle);
            return (float) (deviation * radius * direction);
        }

        /** The middle of one of 2³² parts of (0, 1): never 0, whose logarithm is infinite. */
        private static double openUnit(int word) {
            return (Integer.toUnsignedLong(word) + 0.5) * 0x1p-32;
        }
    }
}
