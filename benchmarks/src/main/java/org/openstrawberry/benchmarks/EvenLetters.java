package org.openstrawberry.benchmarks;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.CRC32;
import org.openstrawberry.activities.rewards.Reward;
import org.openstrawberry.activities.rewards.RewardProvider;
import reactor.core.publisher.Mono;

/**
 * The share of characters with an even code. The peers take the share of even token ids, which a reward doesn't see: it is
 * told texts. A trace of the text's checksum keeps any two texts from being equally good, since equal ones form no pair, and
 * the peers leave none out.
 */
public final class EvenLetters implements RewardProvider {
    static final String NAME = "even-letters";

    private static final double TRACE = 1e-6 / (1L << 32);

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public boolean quick() {
        return true;
    }

    @Override
    public Reward create(Map<String, Object> settings) {
        return sample -> Mono.just(score(sample.completion()));
    }

    private static double score(String text) {
        CRC32 checksum = new CRC32();
        checksum.update(text.getBytes(StandardCharsets.UTF_8));
        double even = text.chars().filter(character -> character % 2 == 0).count();
        return even / Math.max(1, text.length()) + checksum.getValue() * TRACE;
    }
}
