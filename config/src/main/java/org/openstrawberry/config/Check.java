package org.openstrawberry.config;

import com.fasterxml.jackson.databind.node.TextNode;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;

/** The checks that the records' constructors share; each failure names the key, the rule and what was found. */
final class Check {
    private static final int LONGEST = 80;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");

    private Check() {}

    static void that(boolean holds, String key, String rule, Object found) {
        if (!holds) {
            throw new SettingException(key, "must be " + rule + ", found " + show(found));
        }
    }

    static void atLeast(int minimum, String key, int found) {
        that(found >= minimum, key, "at least " + minimum, found);
    }

    static void positive(String key, double found) {
        that(found > 0 && Double.isFinite(found), key, "> 0", found);
    }

    static void notNegative(String key, double found) {
        that(found >= 0 && Double.isFinite(found), key, "at least 0", found);
    }

    static void notBlank(String key, String found) {
        that(!found.isBlank(), key, "a text that is not empty", found);
    }

    /** An address that can be asked. */
    static void url(String key, String found) {
        String rule = "an address that begins with http:// or https://";
        try {
            URI uri = new URI(found);
            boolean web = "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
            that(web && uri.getHost() != null, key, rule, found);
            // Whoever may read the run's files would read the password.
            that(uri.getUserInfo() == null, key, "an address without user and password", uri.getHost());
        } catch (URISyntaxException e) {
            throw new SettingException(key, "must be " + rule + ", found " + quoted(found));
        }
    }

    /** Names as an error lists them: a, b or c. */
    static String oneOf(Collection<String> names) {
        List<String> all = List.copyOf(names);
        int last = all.size() - 1;
        return last == 0 ? all.get(0) : String.join(", ", all.subList(0, last)) + " or " + all.get(last);
    }

    /** What names a directory and a workflow. */
    static void name(String found) {
        that(
                NAME.matcher(found).matches(),
                "name",
                "letters, digits, '.', '_' and '-', beginning with a letter or digit",
                found);
    }

    /** The decay rates of Adam's two running means. */
    static void betas(List<Double> found) {
        boolean holds = found.size() == 2 && found.stream().allMatch(beta -> beta >= 0 && beta < 1);
        that(holds, "betas", "two numbers, each at least 0 and below 1", found);
    }

    /** A text in quotes, on one line whatever it holds, cut where it is long. */
    static String quoted(String text) {
        String cut = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
        return TextNode.valueOf(cut).toString();
    }

    private static String show(Object found) {
        if (found instanceof Double number && number == Math.rint(number) && Math.abs(number) < 1e15) {
            return Long.toString(number.longValue());
        }
        return found instanceof String text ? quoted(text) : found.toString();
    }
}
