package org.openstrawberry.worker;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes a model with adapters in its weights. */
@Command(
        name = "merge",
        mixinStandardHelpOptions = true,
        description = "Merge LoRA adapters, as PEFT stores them, into the weights of their model.")
final class ModelMergeCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "What the adapters stand on.")
    private @Nullable Path model;

    @Option(
            names = "--adapter",
            required = true,
            paramLabel = "DIR",
            description = "Has adapter_config.json and adapter_model.safetensors.")
    private @Nullable Path adapter;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "The merged model's directory.")
    private @Nullable Path out;

    @Override
    public Integer call() throws IOException {
        if (model == null || adapter == null || out == null) {
            throw new IllegalStateException("the command line lets no required option pass");
        }
        ModelDirectory base = ModelDirectory.openEither(model);
        AdapterDirectory adapters = AdapterDirectory.open(adapter, base.config());
        try (NDManager memory = Torch.start(1, "cpu")) {
            Weights merged = new Adapter(adapters.config(), base.config())
                    .merged(base.load(memory), adapters.load(memory), memory);
            DurableFiles.replaceFolder(out, folder -> base.export(folder, merged));
        }
        System.out.println(out);
        return 0;
    }
}
