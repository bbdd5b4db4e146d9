package org.openstrawberry.model.chat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the Jinja library reads in another way than Python's, said so that it reads the same: the named arguments of
 * {@code namespace(…)} and {@code dict(…)} in brackets, since {@code namespace(last=count - 1)} would be
 * {@code namespace((last=count) - 1)}; a filter for the slice {@code [::-1]}, which it does not know;
 * a test for {@code == false}, which an empty text would pass; and no spaces between the beginning of a line and a block or
 * comment, which are all that Jinja's {@code lstrip_blocks} takes off.
 */
final class Dialect {
    private static final Pattern CALL = Pattern.compile("\\b(?:namespace|dict)\\(");
    private static final Pattern NAMED = Pattern.compile("\\s*[A-Za-z_]\\w*\\s*=(?!=)");

    private static final Pattern EQUAL_FALSE = Pattern.compile("\\s*==\\s*[Ff]alse\\b");
    private static final Pattern UNEQUAL_FALSE = Pattern.compile("\\s*!=\\s*[Ff]alse\\b");
    private static final Pattern INDENT = Pattern.compile("(?<![^\\n])[ \\t]+(?=\\{[%#](?!\\+))");
    private static final Pattern TAG = Pattern.compile("\\{%[-+]?\\s*(\\w+)((?:[^%]|%(?!}))*)%}");
    private static final Pattern FILTERED = Pattern.compile(".*\\sin\\s.*\\sif\\s(?!.*\\selse\\s).*", Pattern.DOTALL);

    private Dialect() {}

    /** What a template uses that the library passes over in silence, if anything. */
    static Optional<String> missing(String template) {
        Deque<String> open = new ArrayDeque<>();
        Matcher tag = TAG.matcher(template);
        while (tag.find()) {
            switch (tag.group(1)) {
                case "for" -> {
                    if (FILTERED.matcher(tag.group(2)).matches()) {
                        return Optional.of("a loop with a condition (for … in … if …)");
                    }
                    open.push("for");
                }
                case "if" -> open.push("if");
                case "endfor", "endif" -> open.poll();
                case "else" -> {
                    if ("for".equals(open.peek())) {
                        return Optional.of("a loop with an else");
                    }
                }
                default -> {}
            }
        }
        return Optional.empty();
    }

    static String ofTheLibrary(String template) {
        String stripped = INDENT.matcher(template).replaceAll("");
        String withoutFalse = UNEQUAL_FALSE.matcher(stripped).replaceAll(" is not " + ExactlyFalse.NAME);
        withoutFalse = EQUAL_FALSE.matcher(withoutFalse).replaceAll(" is " + ExactlyFalse.NAME);
        return inBrackets(withoutFalse.replace("[::-1]", "|reverse"));
    }

    private static String inBrackets(String template) {
        StringBuilder out = new StringBuilder();
        Matcher call = CALL.matcher(template);
        int copied = 0;
        while (call.find(copied)) {
            out.append(template, copied, call.end());
            copied = arguments(template, call.end(), out);
        }
        return out.append(template, copied, template.length()).toString();
    }

    /** Copies the arguments up to the closing bracket, which it leaves; returns its place. */
    private static int arguments(String template, int from, StringBuilder out) {
        int depth = 0;
        int start = from;
        for (int i = from; i < template.length(); i++) {
            char c = template.charAt(i);
            if (c == '\'' || c == '"') {
                i = endOfText(template, i);
            } else if (c == '(' || c == '[' || c == '{') {
                depth++;
            } else if (depth > 0 && (c == ')' || c == ']' || c == '}')) {
                depth--;
            } else if (depth == 0 && (c == ',' || c == ')')) {
                argument(template.substring(start, i), out);
                if (c == ')') {
                    return i;
                }
                out.append(c);
                start = i + 1;
            }
        }
        out.append(template, start, template.length());
        return template.length();
    }

    private static void argument(String argument, StringBuilder out) {
        Matcher named = NAMED.matcher(argument);
        if (named.lookingAt()) {
            out.append(named.group())
                    .append('(')
                    .append(argument.substring(named.end()))
                    .append(')');
        } else {
            out.append(argument);
        }
    }

    private static int endOfText(String template, int quote) {
        int i = quote + 1;
        while (i < template.length() && template.charAt(i) != template.charAt(quote)) {
            i += template.charAt(i) == '\\' ? 2 : 1;
        }
        return i;
    }
}
