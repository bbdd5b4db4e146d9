package org.openstrawberry.model.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.LoraConfig;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.DpoTrainer;
import org.openstrawberry.model.training.Gradients;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.training.OptimizerSettings;
import org.openstrawberry.model.training.PreferenceObjective;
import org.openstrawberry.model.training.PreferencePair;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Logits;
import org.openstrawberry.model.transformer.Pass;
import org.openstrawberry.model.transformer.TinyModel;
import org.openstrawberry.model.transformer.TokenBatch;
import org.openstrawberry.model.transformer.VectorModel;

class AdapterTest {
    private static final float LOGITS = 1e-4f;

    private NDManager manager;

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora_qv", "lora_all"})
    void aModelWithPeftsAdaptersComputesWhatPeftComputes(String name) {
        VectorModel model = new VectorModel("llama");
        AdapterDirectory directory =
                AdapterDirectory.open(Vectors.model("llama").resolve(name), model.config());
        Adapter adapter = new Adapter(directory.config(), model.config());
        Weights base = model.weights(manager);
        Weights trained = directory.load(manager);

        Map<String, NDArray> adapted = new Adapted(adapter, base, trained).model(manager);
        assertThat(logits(model, adapted)).containsExactly(model.floats(name + ".on", manager), within(LOGITS));
        Weights merged = adapter.merged(base, trained, manager);
        assertThat(logits(model, merged.asMap()))
                .containsExactly(model.floats(name + ".merged", manager), within(LOGITS));
        assertThat(logits(model, base.asMap())).containsExactly(model.floats(name + ".off", manager), within(LOGITS));
    }

    private float[] logits(VectorModel model, Map<String, NDArray> weights) {
        return Logits.of(model.decoder(), weights, manager, Vectors.ids(model.at("/lora/ids")));
    }

    @Test
    void freshAdaptersLeaveTheBaseAsItIsToTheLastBit() {
        ModelConfig config = TinyModel.config();
        Weights base = TinyModel.weights(config, 1, manager);
        Adapter adapter = new Adapter(new LoraConfig(2, 4, false, List.of(LoraConfig.ALL_LINEAR)), config);
        Weights fresh = adapter.fresh(7, manager);

        Weights merged = adapter.merged(base, fresh, manager);
        base.asMap()
                .forEach((name, array) ->
                        assertThat(merged.get(name).toFloatArray()).isEqualTo(array.toFloatArray()));
        String down = LoraConfig.down("model.layers.0.self_attn.q_proj");
        assertThat(fresh.get(down).toFloatArray())
                .isEqualTo(adapter.fresh(7, manager).get(down).toFloatArray())
                .isNotEqualTo(adapter.fresh(8, manager).get(down).toFloatArray());
        for (float value : fresh.get(down).toFloatArray()) {
            assertThat(Math.abs(value)).isLessThan((float) (1 / Math.sqrt(8)));
        }
    }

    @Test
    void aStepChangesTheAdaptersAloneAndTheLossFallsWithOrWithoutCheckpointing() {
        ModelConfig config = TinyModel.config();
        Adapter adapter = new Adapter(new LoraConfig(2, 4, false, List.of("q_proj", "down_proj")), config);
        List<Double> losses = new ArrayList<>();
        for (boolean byLayer : new boolean[] {false, true}) {
            Weights base = TinyModel.weights(config, 1, manager);
            Weights before = base.copy(manager);
            Weights trained = adapter.fresh(7, manager);
            Adapted policy = new Adapted(adapter, base, trained);
            Adapted reference = new Adapted(adapter, base, trained.copy(manager));
            PreferencePair pair = new PreferencePair(new int[] {1, 2}, new int[] {4, 3}, new int[] {5, 6, 3});
            DpoTrainer trainer = new DpoTrainer(new Decoder(config), byLayer);
            try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
                for (int step = 0; step < 5; step++) {
                    losses.add(trainer.step(
                                    policy,
                                    reference,
                                    optimizer,
                                    List.of(pair),
                                    PreferenceObjective.sigmoid(0.5),
                                    0.5,
                                    0,
                                    100)
                            .loss());
                }
            }
            base.asMap()
                    .forEach((name, array) -> assertThat(array.toFloatArray())
                            .as(name)
                            .isEqualTo(before.get(name).toFloatArray()));
        }
        assertThat(losses.get(0)).isCloseTo(Math.log(2), within(1e-15));
        assertThat(losses.subList(0, 5)).isSortedAccordingTo(Comparator.reverseOrder());
        for (int step = 0; step < 5; step++) {
            assertThat(losses.get(5 + step)).isCloseTo(losses.get(step), within(1e-5));
        }
    }

    /** By the chain rule of W + s · B · A, from the gradient of W. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2", "phi3"})
    void gradientsOfAdaptersAreThoseOfTheMatricesThatTheyMake(String family) {
        VectorModel model = new VectorModel(family);
        ModelConfig config = model.config();
        LoraConfig lora = new LoraConfig(3, 5, false, List.of(LoraConfig.ALL_LINEAR));
        Adapter adapter = new Adapter(lora, config);
        Weights base = model.weights(manager);
        Weights trained = adapter.fresh(7, manager);
        trained.asMap()
                .forEach((name, array) ->
                        array.addi(manager.randomNormal(0, 0.1f, array.getShape(), array.getDataType())));
        Adapted policy = new Adapted(adapter, base, trained);
        Weights merged = adapter.merged(base, trained, manager);
        Decoder decoder = model.decoder();
        int[] prompt = {3, 4, 5};
        TokenBatch batch = TokenBatch.of(
                List.of(prompt, prompt),
                List.of(new int[] {6, 7, 8, 9}, new int[] {9, 3}),
                config.vocabSize(),
                manager);
        float[] slopes = {1, -2, 0.5f, 3, -1, 2};
        try (Gradients whole = new Gradients(merged, decoder);
                Gradients low = new Gradients(policy, decoder)) {
            for (Gradients gradients : List.of(whole, low)) {
                try (Pass pass = gradients.pass(batch)) {
                    pass.backward(slopes, gradients.sums());
                }
            }
            for (String layer : lora.layers(config)) {
                NDArray ofMatrix = of(whole, layer + ".weight");
                NDArray slope = config.names().inByOut() ? ofMatrix.transpose() : ofMatrix; // [out, in]
                NDArray up = trained.get(LoraConfig.up(layer));
                NDArray down = trained.get(LoraConfig.down(layer));
                float scale = (float) lora.scale();
                assertThat(of(low, LoraConfig.up(layer)).toFloatArray())
                        .as(layer)
                        .containsExactly(
                                slope.matMul(down.transpose()).mul(scale).toFloatArray(), within(2e-4f));
                assertThat(of(low, LoraConfig.down(layer)).toFloatArray())
                        .as(layer)
                        .containsExactly(up.transpose().matMul(slope).mul(scale).toFloatArray(), within(2e-4f));
            }
        }
    }

    private NDArray of(Gradients gradients, String name) {
        return gradients.byName().getOrDefault(name, manager.create(0f));
    }

    @Test
    void whatIsSavedIsReadBack(@TempDir Path folder) {
        ModelConfig config = TinyModel.config();
        LoraConfig lora = new LoraConfig(2, 5, true, List.of("q_proj", "down_proj"));
        Weights fresh = new Adapter(lora, config).fresh(7, manager);
        AdapterDirectory.save(folder.resolve("adapter"), lora, config, fresh, "a/base");

        AdapterDirectory read = AdapterDirectory.open(folder.resolve("adapter"), config);
        assertThat(read.config()).isEqualTo(lora);
        assertThat(read.load(manager).names()).containsExactlyElementsOf(fresh.names());
    }

    @Test
    void aTargetThatIsNoLayerIsRefused() {
        ModelConfig config = TinyModel.config();
        assertThatThrownBy(() -> new Adapter(new LoraConfig(2, 4, false, List.of("q_proj", "qkv")), config))
                .hasMessage("target \"qkv\" is no linear layer of this model, expected q_proj, k_proj, v_proj, o_proj,"
                        + " gate_proj, up_proj, down_proj or all-linear alone");
    }

    @Test
    void whatIsNotSupportedIsRefusedByName(@TempDir Path folder) throws IOException {
        refused(folder, "\"use_dora\": false", "\"use_dora\": true", "use_dora: found true, expected false");
        refused(folder, "\"bias\": \"none\"", "\"bias\": \"all\"", "bias: found \"all\", expected \"none\"");
        refused(folder, "\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 8}", "rank_pattern: found {");
        refused(folder, "\"r\": 4", "\"r\": 8", "lora_A.weight: found shape (4, 64), expected (8, 64)");
        refused(
                folder,
                "\"q_proj\",",
                "\"k_proj\",",
                "tensors are missing: base_model.model.model.layers.0.self_attn.k");
        refused(
                folder,
                "\"v_proj\"",
                "\"q_proj\"",
                "found tensors that do not belong here: base_model.model.model.layers.0.self_attn.v_proj.lora_A");
        refused(
                folder,
                "\"init_lora_weights\": true",
                "\"init_lora_weights\": \"pissa_niter_16\"",
                "init_lora_weights: found \"pissa_niter_16\", expected true");
        refused(folder, "\"q_proj\",", "\"qqq\",", "target_modules: target \"qqq\" is no linear layer");
    }

    private static void refused(Path folder, String from, String to, String words) throws IOException {
        Path copy =
                Vectors.copy(Vectors.model("llama").resolve("lora_qv"), folder.resolve("" + (from + to).hashCode()));
        Path config = copy.resolve("adapter_config.json");
        Files.writeString(config, Files.readString(config).replace(from, to));
        ModelConfig model = new VectorModel("llama").config();
        assertThatThrownBy(() -> AdapterDirectory.open(copy, model))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining(words);
    }
}
