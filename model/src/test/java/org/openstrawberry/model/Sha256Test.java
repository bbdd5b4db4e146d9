package org.openstrawberry.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Sha256Test {
    /** Of "abc", from appendix B.1 of FIPS 180-2. */
    private static final String ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    @Test
    void whoeverComputesItTheHashIsTheSame(@TempDir Path folder) throws IOException, NoSuchAlgorithmException {
        Path small = Files.writeString(folder.resolve("small"), "abc");
        byte[] bytes = new byte[(4 << 20) + 1];
        new Random(1).nextBytes(bytes);
        Path large = Files.write(folder.resolve("large"), bytes);

        assertThat(Sha256.of(small)).isEqualTo(ABC);
        assertThat(Sha256.of(large))
                .isEqualTo(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)));
        assertThat(Sha256.of(small)).isEqualTo(ABC);
        assertThat(HexFormat.of().formatHex(Sha256.digest().digest("abc".getBytes(StandardCharsets.US_ASCII))))
                .isEqualTo(ABC);
    }
}
