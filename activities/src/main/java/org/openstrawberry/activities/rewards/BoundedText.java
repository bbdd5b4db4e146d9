package org.openstrawberry.activities.rewards;

import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text that a regular expression may look at only so often: some expressions take years for some texts, and the text is the
 * policy's. Steps are counted, not seconds, so that the same text always ends the same way.
 */
final class BoundedText implements CharSequence {
    private static final long MOST_STEPS = 20_000_000;

    private final String text;
    private long steps;

    private BoundedText(String text) {
        this.text = text;
    }

    /**
     * Whether the pattern matches somewhere in the text.
     *
     * @throws RewardException if that takes too many steps
     */
    static boolean find(Pattern pattern, String text) {
        return bounded(() -> pattern.matcher(new BoundedText(text)).find());
    }

    /**
     * The first group of the pattern's last match in the text.
     *
     * @throws RewardException if that takes too many steps
     */
    static Optional<String> lastGroup(Pattern pattern, String text) {
        return bounded(() -> {
            Matcher matcher = pattern.matcher(new BoundedText(text));
            Optional<String> last = Optional.empty();
            while (matcher.find()) {
                last = Optional.ofNullable(matcher.group(1));
            }
            return last;
        });
    }

    private static <T> T bounded(Supplier<T> search) {
        try {
            return search.get();
        } catch (StackOverflowError e) {
            throw new RewardException("the pattern needs too much memory on this completion", e);
        }
    }

    @Override
    public char charAt(int index) {
        if (++steps > MOST_STEPS) {
            throw new RewardException("the pattern takes more than " + MOST_STEPS + " steps on this completion");
        }
        return text.charAt(index);
    }

    @Override
    public int length() {
        return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
        return text.substring(start, end);
    }

    @Override
    public String toString() {
        return text;
    }
}
