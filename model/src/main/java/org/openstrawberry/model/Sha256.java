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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SHA-256. Large files, such as weights, are hashed by a native library where it has one for this machine: the launcher
 * leaves the compiler out that would make Java's own as fast, which takes ten times as long without it.
 */
public final class Sha256 {
    /** Below this the native library isn't worth being loaded. */
    private static final long LARGE = 4L << 20;

    private static final int BUFFER = 1 << 18;

    private Sha256() {}

    /** Loaded when first asked for. */
    private static final class Native {
        private static final Logger log = LoggerFactory.getLogger(Sha256.class);
        static final Optional<Provider> PROVIDER = load();

        private static Optional<Provider> load() {
            AmazonCorrettoCryptoProvider provider = AmazonCorrettoCryptoProvider.INSTANCE;
            Throwable error = provider.getLoadingError();
            if (error != null) {
                log.info("no native SHA-256 here, Java's own hashes large files", error);
                return Optional.empty();
            }
            return Optional.of(provider);
        }
    }

    /** A new digest, of nothing yet. */
    public static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** The hash of a file's content, as lower-case hexadecimal. */
    public static String of(Path file) throws IOException {
        MessageDigest digest = Files.size(file) < LARGE ? digest() : fastDigest();
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[BUFFER];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest fastDigest() {
        try {
            return Native.PROVIDER.isPresent() ? MessageDigest.getInstance("SHA-256", Native.PROVIDER.get()) : digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("the native library has no SHA-256", e);
        }
    }
}
