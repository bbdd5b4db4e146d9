package org.openstrawberry.activities.store;

import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import org.openstrawberry.model.Sha256;

/** SHA-256, as lower-case hexadecimal. */
public final class Hashes {
    private Hashes() {}

    /** The hash of a file's content. */
    public static String sha256(Path file) throws IOException {
        return Sha256.of(file);
    }

    /** The hash of bytes. */
    public static String sha256(byte[] content) {
        return HexFormat.of().formatHex(newSha256().digest(content));
    }

    /**
     * Whether files are what was written.
     *
     * @param files SHA-256 by name, relative to the folder
     * @throws IOException if one can't be read
     */
    public static boolean match(Path folder, Map<String, String> files) throws IOException {
        for (Map.Entry<String, String> file : files.entrySet()) {
            if (!sha256(folder.resolve(file.getKey())).equals(file.getValue())) {
                return false;
            }
        }
        return true;
    }

    /** A new SHA-256, of nothing yet. */
    public static MessageDigest newSha256() {
        return Sha256.digest();
    }

    static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }
}
