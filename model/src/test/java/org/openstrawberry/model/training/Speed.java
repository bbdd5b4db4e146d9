package org.openstrawberry.model.training;

import ai.djl.ndarray.NDManager;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.TinyModel;

/** Prints how long the work of one iteration takes on a model of the demo's size. Argument: threads. */
final class Speed {
    private static final int REPETITIONS = 15;

    private Speed() {}

    public static void main(String[] arguments) {
        int threads = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 1;
        ModelConfig config = TinyModel.config(45, 64, 2, 2, 2, 32, 176);
        Random random = new Random(1);
        try (NDManager manager = Torch.start(threads, "cpu")) {
            Weights policy = TinyModel.weights(config, 1, manager);
            Weights reference = policy.copy(manager);
            Decoder decoder = new Decoder(config);

            List<GenerationRequest> wave = new ArrayList<>();
            for (int prompt = 0; prompt < 32; prompt++) {
                wave.add(new GenerationRequest(prompt, ids(random, 14 + random.nextInt(8)), 8));
            }
            Generator generator = new Generator(decoder, Set.of());
            Generator ending = new Generator(decoder, Set.of(2));
            SamplingSettings plain = new SamplingSettings(1, 0, 1, 0, 32);
            SamplingSettings filtered = new SamplingSettings(0.9, 20, 0.9, 0.05, 32);
            report("generate 256 × 32, sampled", () -> generator.generate(policy, wave, plain, 1, 1));
            report("generate 256 × 32, filtered", () -> generator.generate(policy, wave, filtered, 1, 1));
            report(
                    "generate 256 × 32, greedy",
                    () -> generator.generate(policy, wave, SamplingSettings.greedy(32), 1, 1));
            report("generate 256 × at most 32, many end early", () -> ending.generate(policy, wave, plain, 1, 1));

            List<PreferencePair> pairs = IntStream.range(0, 64)
                    .mapToObj(i -> new PreferencePair(
                            ids(random, 18), ids(random, 16 + random.nextInt(8)), ids(random, 16 + random.nextInt(8))))
                    .toList();
            try (Optimizer optimizer = Optimizer.of(OptimizerSettings.adamW(0, OptimizerSettings.Decay.ALL), manager)) {
                DpoTrainer trainer = new DpoTrainer(decoder);
                report(
                        "DPO step, 128 sequences of about 40 tokens",
                        () -> trainer.step(
                                policy, reference, optimizer, pairs, PreferenceObjective.sigmoid(0.1), 1e-4, 1, 8192));
            }
            List<Sequence> batch = IntStream.range(0, 64)
                    .mapToObj(i -> new Sequence(ids(random, 16), ids(random, 10 + random.nextInt(8))))
                    .toList();
            try (Optimizer optimizer = Optimizer.of(OptimizerSettings.adamW(0, OptimizerSettings.Decay.ALL), manager)) {
                SupervisedTrainer trainer = new SupervisedTrainer(decoder);
                report(
                        "supervised step, 64 sequences of about 30 tokens",
                        () -> trainer.step(policy, optimizer, batch, 1e-4, 1, 8192));
            }
            LogProbs logProbs = new LogProbs(decoder);
            report("log-probs of the 64 sequences", () -> logProbs.sums(policy, batch, 8192));
        }
    }

    private static int[] ids(Random random, int length) {
        return IntStream.range(0, length).map(i -> 3 + random.nextInt(42)).toArray();
    }

    /** With one thread, processor time says what wall time would be on a quiet machine. */
    private static void report(String what, Runnable work) {
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        double[] wall = new double[REPETITIONS];
        double[] processor = new double[REPETITIONS];
        for (int i = -5; i < REPETITIONS; i++) {
            long start = System.nanoTime();
            long processorStart = clock.getCurrentThreadCpuTime();
            work.run();
            if (i >= 0) {
                wall[i] = (System.nanoTime() - start) / 1e9;
                processor[i] = (clock.getCurrentThreadCpuTime() - processorStart) / 1e9;
            }
        }
        Arrays.sort(wall);
        Arrays.sort(processor);
        System.out.printf(
                "%-50s wall min %.4f s, median %.4f s; this thread's processor time min %.4f s, median %.4f s%n",
                what, wall[0], wall[REPETITIONS / 2], processor[0], processor[REPETITIONS / 2]);
    }
}
