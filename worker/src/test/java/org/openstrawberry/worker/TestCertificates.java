package org.openstrawberry.worker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Certificates of a test's own authorities, made by the JDK's keytool, as PEM files. */
final class TestCertificates {
    private static final String PASSWORD = "of no worth";

    private final Path folder;
    private final Path store;

    TestCertificates(Path folder) {
        this.folder = folder;
        this.store = folder.resolve("certificates.p12");
    }

    /** Makes an authority. */
    void authority(String name) throws Exception {
        make(name, List.of("-ext", "bc:c"));
    }

    /** Makes a certificate of an authority, good for clients and for servers on this machine. */
    void certificate(String name, String authority) throws Exception {
        make(name, List.of("-signer", authority, "-ext", "san=ip:127.0.0.1,dns:localhost"));
    }

    /** The certificate. */
    Path pem(String name) {
        return folder.resolve(name + ".pem");
    }

    /** Its private key, PKCS #8. */
    Path key(String name) {
        return folder.resolve(name + ".key");
    }

    private void make(String name, List<String> more) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-genkeypair"));
        command.addAll(List.of("-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", PASSWORD));
        command.addAll(List.of("-alias", name, "-dname", "CN=" + name, "-keyalg", "EC", "-groupname", "secp256r1"));
        command.addAll(more);
        Process keytool = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(keytool.getInputStream().readAllBytes());
        if (keytool.waitFor() != 0) {
            throw new IllegalStateException("keytool: " + output);
        }
        write(name);
    }

    private void write(String name) throws IOException, GeneralSecurityException {
        KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD.toCharArray());
        Files.writeString(
                pem(name), pem("CERTIFICATE", keys.getCertificate(name).getEncoded()));
        Key key = keys.getKey(name, PASSWORD.toCharArray());
        Files.writeString(key(name), pem("PRIVATE KEY", key.getEncoded()));
    }

    private static String pem(String kind, byte[] content) {
        String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content);
        return "-----BEGIN " + kind + "-----\n" + text + "\n-----END " + kind + "-----\n";
    }
}
