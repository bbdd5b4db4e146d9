package org.openstrawberry.model;

import com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.Provider;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SHA-256, by a native library where it has one for this machine: the launcher leaves the compiler out that would make
 * Java's own as fast, which takes ten times as long without it. Until a large file comes, such as weights, or as much in small
 * ones, the library isn't worth being loaded.
 */
public final class Sha256 {
    private static final Logger log = LoggerFactory.getLogger(Sha256.class);
    private static final long LARGE = 4L << 20;
    private static final int BUFFER = 1 << 18;

    /** Bytes of small files so far. */
    private static final LongAdder SMALL = new LongAdder();

    /** The native library's, once it is worth it; empty where it has none for this machine. */
    private static final CompletableFuture<Optional<Provider>> NATIVE = new CompletableFuture<>();

    private Sha256() {}

    private static void load() {
        if (!NATIVE.isDone()) {
            AmazonCorrettoCryptoProvider provider = AmazonCorrettoCryptoProvider.INSTANCE;
            Throwable error = provider.getLoadingError();
            boolean first = NATIVE.complete(error == null ? Optional.of(provider) : Optional.empty());
            if (first && error != null) {
                log.info("no native SHA-256 here, Java's own hashes large files", error);
            }
        }
    }

    /** A new digest, of nothing yet. */
    public static MessageDigest digest() {
        Optional<Provider> provider = NATIVE.getNow(Optional.empty());
        try {
            return provider.isPresent()
                    ? MessageDigest.getInstance("SHA-256", provider.get())
                    : MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java and the native library have SHA-256", e);
        }
    }

    /** The hash of a file's content, as lower-case hexadecimal. */
    public static String of(Path file) throws IOException {
        long size = Files.size(file);
        if (size >= LARGE) {
            load();
        } else if (!NATIVE.isDone()) {
            SMALL.add(size);
            if (SMALL.sum() >= LARGE) {
                load();
            }
        }
        MessageDigest digest = digest();
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[BUFFER];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
