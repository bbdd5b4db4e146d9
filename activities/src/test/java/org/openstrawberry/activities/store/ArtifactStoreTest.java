package org.openstrawberry.activities.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.workflows.steps.ArtifactRef;

class ArtifactStoreTest {
    private static final String NAME = "iterations/000001/pairs.jsonl";

    private final Path root;
    private final ArtifactStore store;

    ArtifactStoreTest(@TempDir Path root) {
        this.root = root;
        this.store = new ArtifactStore(root);
    }

    @Test
    void theFirstToPublishWins() throws IOException {
        ArtifactRef first = publish("first");
        ArtifactRef second = publish("second");

        assertThat(second).isEqualTo(first);
        assertThat(Files.readString(store.verified(second))).isEqualTo("first");
    }

    @Test
    void aTruncatedArtifactIsMovedAsideAndCountsAsAbsent() throws IOException {
        publish("whole content");
        Files.writeString(root.resolve(NAME), "whole");

        assertThat(store.find(NAME)).isEmpty();
        assertThat(root.resolve(NAME + ".invalid-1")).exists();
        assertThat(Files.readString(store.verified(publish("whole content")))).isEqualTo("whole content");
    }

    @Test
    void anArtifactWithoutItsHashCountsAsAbsent() throws IOException {
        publish("content");
        Files.delete(root.resolve(NAME + ".sha256"));

        assertThat(store.find(NAME)).isEmpty();
    }

    @Test
    void readingChecksLengthAndHash() throws IOException {
        ArtifactRef ref = publish("content");
        Files.writeString(root.resolve(NAME), "CONTENT");

        assertThatThrownBy(() -> store.verified(ref))
                .isInstanceOf(DamagedArtifactException.class)
                .hasMessageContaining("pairs.jsonl")
                .hasMessageContaining(ref.sha256());
    }

    @Test
    void aFailedWriteLeavesNothingBehind() throws IOException {
        assertThatThrownBy(() -> store.publish(NAME, out -> {
                    out.write(1);
                    throw new IOException("No space left on device");
                }))
                .isInstanceOf(UncheckedIOException.class);

        assertThat(DurableFiles.list(root.resolve("iterations/000001"))).isEmpty();
    }

    @Test
    void leftoversOfKilledAttemptsAreSwept() throws IOException {
        publish("content");
        Path leftover = root.resolve("iterations/000001/.pairs.jsonl.1234.tmp");
        Files.writeString(leftover, "half");

        store.sweep();

        assertThat(leftover).doesNotExist();
        assertThat(store.isWhole(NAME)).isTrue();
    }

    @Test
    void aFolderIsPublishedOnceAndWhole() throws IOException {
        Path target = root.resolve("checkpoints/000001");

        assertThat(DurableFiles.publishFolder(target, folder -> Files.writeString(folder.resolve("a"), "1")))
                .isTrue();
        assertThat(DurableFiles.publishFolder(target, folder -> Files.writeString(folder.resolve("a"), "2")))
                .isFalse();
        assertThat(Files.readString(target.resolve("a"))).isEqualTo("1");
        assertThat(DurableFiles.list(root.resolve("checkpoints"))).isEqualTo(List.of(target));
    }

    private ArtifactRef publish(String content) {
        return store.publish(NAME, out -> out.write(content.getBytes(StandardCharsets.UTF_8)));
    }
}
