package org.openstrawberry.model;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openstrawberry.config.InvalidInputException;

/**
 * The one place where PyTorch is started and its threads, device and gradient mode are set. Float sums depend on the
 * number of threads, so a run that is to be repeatable takes it from its configuration, never from the machine.
 */
public final class Torch {
    private static final String ENGINE = "PyTorch";
    private static final Pattern DEVICE = Pattern.compile("cpu|cuda(?::(\\d{1,4}))?");

    private Torch() {}

    /**
     * Starts PyTorch if it is not running yet, sets its threads and turns gradient mode off on the calling thread. May be
     * called again, also with another number of threads. PyTorch keeps the number of threads and the gradient mode by
     * thread: call this on the thread that will do the tensor work. (A gradient collector turns gradients on while it is
     * open and off again.)
     *
     * @param threads threads that share one operation, at least 1
     * @param device {@code cpu}, {@code cuda} (the first GPU) or {@code cuda:N}
     * @return a new manager on the device, owned and closed by the caller
     * @throws InvalidInputException if the device is not one of these, or this machine does not have it; a wrong name is
     *     told before the engine starts
     */
    public static NDManager start(int threads, String device) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, found " + threads);
        }
        int gpu = gpuIndex(device);
        useBundledNatives();
        System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(threads));
        System.setProperty("ai.djl.pytorch.num_interop_threads", "1");
        Engine engine = Engine.getEngine(ENGINE);
        if (gpu >= engine.getGpuCount()) {
            throw new InvalidInputException("model.device: found \"" + device + "\", expected \"cpu\""
                    + (engine.getGpuCount() == 0
                            ? ": PyTorch sees no CUDA device on this machine"
                            : " or a device up to \"cuda:" + (engine.getGpuCount() - 1) + "\""));
        }
        JniUtils.setNumThreads(threads);
        gradientsOff();
        if (engine.getGpuCount() == 0) {
            FloatProducts.choose(); // the same switch would let a GPU round
        }
        return engine.newBaseManager(gpu < 0 ? Device.cpu() : Device.gpu(gpu));
    }

    /**
     * Sets the number of threads that share one operation of the calling thread. Where several models with settings of
     * their own take turns on a thread, each sets its own first. The engine must be running.
     *
     * @param threads at least 1
     */
    public static void useThreads(int threads) {
        JniUtils.setNumThreads(threads);
    }

    /** Turns gradient mode off on the calling thread; PyTorch starts each thread with it on. The engine must be running. */
    public static void gradientsOff() {
        JniUtils.setGradMode(false);
    }

    /**
     * Keeps DJL from looking for anything on the network: the native libraries come from the jars on the class path or from
     * {@code PYTORCH_LIBRARY_PATH}, and no usage data is sent. Settings given by the user ({@code DJL_OFFLINE},
     * {@code -Dai.djl.offline}) stand. Does not start the engine; to be called before any use of DJL's native parts.
     */
    public static void useBundledNatives() {
        setIfAbsent("ai.djl.offline", "true");
        setIfAbsent("OPT_OUT_TRACKING", "true");
    }

    private static void setIfAbsent(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /** The GPU's number, or -1 for the CPU. */
    private static int gpuIndex(String device) {
        Matcher matcher = DEVICE.matcher(device);
        if (!matcher.matches()) {
            throw new InvalidInputException(
                    "model.device: found \"" + device + "\", expected \"cpu\", \"cuda\" or \"cuda:N\"");
        }
        if (device.equals("cpu")) {
            return -1;
        }
        return matcher.group(1) == null ? 0 : Integer.parseInt(matcher.group(1));
    }
}
