package org.openstrawberry.model.kernels;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtModel;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Calls into the TorchScript program {@code kernels.py}, which stands beside this class as text and says there what each of
 * its methods takes and gives. The engine must be running.
 *
 * <p>The program runs as it is written, without PyTorch's graph optimiser: that would compute the first calls in another
 * way than later ones, and a run that goes on after a crash would differ from one that was left alone.
 */
public final class Kernels {
    private static final String TEXT = "kernels.py";
    private static final byte[] VERSION = {'1', '0', '\n'};
    private static final byte[] NO_CONSTANTS = {(byte) 0x80, 2, ')', '.'};
    /** The pickled state of a module without attributes: of class __torch__.Kernels, an empty dictionary. */
    private static final byte[] NO_STATE = {
        (byte) 0x80,
        2,
        'c',
        '_',
        '_',
        't',
        'o',
        'r',
        'c',
        'h',
        '_',
        '_',
        '\n',
        'K',
        'e',
        'r',
        'n',
        'e',
        'l',
        's',
        '\n',
        ')',
        (byte) 0x81,
        '}',
        'b',
        '.'
    };

    private Kernels() {}

    /** Loaded with the first call, and kept: a model that is no longer reachable takes its block with it. */
    private static final class Program {
        static final PtModel MODEL = load();
    }

    private static PtModel load() {
        JniUtils.setGraphExecutorOptimize(false);
        PtModel model = (PtModel) Model.newInstance("kernels", "PyTorch");
        try {
            model.load(new ByteArrayInputStream(archive()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (MalformedModelException e) {
            throw new IllegalStateException(TEXT + " is not valid", e);
        }
        return model;
    }

    /** A TorchScript archive: a zip of stored entries. */
    private static byte[] archive() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            add(zip, "version", VERSION);
            add(zip, "constants.pkl", NO_CONSTANTS);
            add(zip, "data.pkl", NO_STATE);
            add(zip, "code/__torch__.py", text());
        }
        return bytes.toByteArray();
    }

    private static byte[] text() throws IOException {
        try (InputStream text = Kernels.class.getResourceAsStream(TEXT)) {
            if (text == null) {
                throw new IllegalStateException(TEXT + " is not on the class path");
            }
            return text.readAllBytes();
        }
    }

    private static void add(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry("kernels/" + name);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setCrc(crc.getValue());
        entry.setSize(content.length);
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    /**
     * A call, to be given its arguments in order and then run once.
     *
     * @param method a method of the program
     */
    public static Call call(String method) {
        return new Call(method);
    }

    /** A call under way. */
    public static final class Call {
        private final String method;
        private final List<IValue> arguments = new ArrayList<>();

        private Call(String method) {
            this.method = method;
        }

        public Call with(NDArray tensor) {
            return add(IValue.from((PtNDArray) tensor));
        }

        public Call with(List<NDArray> tensors) {
            return add(IValue.listFrom(tensors.toArray(PtNDArray[]::new)));
        }

        public Call with(long number) {
            return add(IValue.from(number));
        }

        public Call with(double number) {
            return add(IValue.from(number));
        }

        public Call with(boolean flag) {
            return add(IValue.from(flag));
        }

        public Call with(long[] numbers) {
            return add(IValue.listFrom(numbers));
        }

        public Call with(double[] numbers) {
            return add(IValue.listFrom(numbers));
        }

        private Call add(IValue argument) {
            arguments.add(argument);
            return this;
        }

        /** Runs a method that gives nothing. */
        public void run() {
            result().close();
        }

        /**
         * Runs a method that gives one tensor.
         *
         * @param owner of the tensor
         */
        public NDArray tensor(NDManager owner) {
            try (IValue result = result()) {
                return result.toTensor((PtNDManager) owner);
            }
        }

        /**
         * Runs a method that gives several tensors.
         *
         * @param owner of the tensors
         */
        public List<NDArray> tensors(NDManager owner) {
            try (IValue result = result()) {
                return List.of(result.toTensorArray((PtNDManager) owner));
            }
        }

        private IValue result() {
            try {
                return IValueUtils.runMethod(
                        (PtSymbolBlock) Program.MODEL.getBlock(), method, arguments.toArray(IValue[]::new));
            } finally {
                arguments.forEach(IValue::close);
            }
        }
    }
}
