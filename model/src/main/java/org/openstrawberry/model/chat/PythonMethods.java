package org.openstrawberry.model.chat;

import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.objects.collections.PyList;
import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import org.jspecify.annotations.Nullable;

/**
 * The methods of Python's texts and dictionaries that chat templates call. Other methods of them there are none: a template
 * comes from elsewhere and has no business with Java's.
 */
final class PythonMethods extends ELResolver {
    private PythonMethods() {}

    static ELResolver resolver() {
        CompositeELResolver resolver = new CompositeELResolver();
        resolver.add(new PythonMethods());
        resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
        return resolver;
    }

    @Override
    public @Nullable Object invoke(
            ELContext context,
            @Nullable Object base,
            @Nullable Object method,
            Class<?> @Nullable [] types,
            Object @Nullable [] parameters) {
        if (method == null) {
            return null;
        }
        Object[] arguments = parameters == null ? new Object[0] : parameters;
        if (base instanceof CharSequence text) {
            context.setPropertyResolved(true);
            return ofText(text.toString(), method.toString(), arguments);
        }
        if (base instanceof Map<?, ?> map) {
            context.setPropertyResolved(true);
            return ofMap(map, method.toString(), arguments);
        }
        return null;
    }

    private static Object ofText(String text, String method, Object[] arguments) {
        return switch (method) {
            case "strip" -> strip(text, arguments, true, true);
            case "lstrip" -> strip(text, arguments, true, false);
            case "rstrip" -> strip(text, arguments, false, true);
            case "startswith" -> anyOf(arguments, text::startsWith);
            case "endswith" -> anyOf(arguments, text::endsWith);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "title" -> title(text);
            case "capitalize" ->
                text.isEmpty()
                        ? text
                        : text.substring(0, 1).toUpperCase(Locale.ROOT)
                                + text.substring(1).toLowerCase(Locale.ROOT);
            case "replace" -> replace(text, arguments);
            case "split" -> split(text, arguments);
            case "rsplit" -> rsplit(text, arguments);
            case "splitlines" -> new PyList(new ArrayList<>(text.lines().toList()));
            case "join" -> join(text, arguments);
            case "find" -> text.indexOf(argument(arguments, 0));
            case "rfind" -> text.lastIndexOf(argument(arguments, 0));
            case "count" -> split(text, argument(arguments, 0), -1).size() - 1;
            case "isdigit" -> !text.isEmpty() && text.chars().allMatch(Character::isDigit);
            case "isspace" -> !text.isEmpty() && text.chars().allMatch(Character::isWhitespace);
            case "removeprefix" ->
                text.startsWith(argument(arguments, 0))
                        ? text.substring(argument(arguments, 0).length())
                        : text;
            case "removesuffix" ->
                text.endsWith(argument(arguments, 0))
                        ? text.substring(
                                0, text.length() - argument(arguments, 0).length())
                        : text;
            default -> throw unsupported("a text", method);
        };
    }

    private static @Nullable Object ofMap(Map<?, ?> map, String method, Object[] arguments) {
        return switch (method) {
            case "get" ->
                map.containsKey(argument(arguments, 0))
                        ? map.get(argument(arguments, 0))
                        : arguments.length > 1 ? arguments[1] : null;
            case "items" ->
                new PyList(new ArrayList<>(map.entrySet().stream()
                        .map(entry -> (Object) pair(entry))
                        .toList()));
            case "keys" -> new PyList(new ArrayList<>(map.keySet()));
            case "values" -> new PyList(new ArrayList<>(map.values()));
            default -> throw unsupported("a dictionary", method);
        };
    }

    private static PyList pair(Map.Entry<?, ?> entry) {
        List<Object> pair = new ArrayList<>();
        pair.add(entry.getKey());
        pair.add(entry.getValue());
        return new PyList(pair);
    }

    private static String strip(String text, Object[] arguments, boolean left, boolean right) {
        String unwanted = arguments.length > 0 && arguments[0] != null ? arguments[0].toString() : "";
        int from = 0;
        int to = text.length();
        while (left && from < to && unwanted(text.charAt(from), unwanted)) {
            from++;
        }
        while (right && to > from && unwanted(text.charAt(to - 1), unwanted)) {
            to--;
        }
        return text.substring(from, to);
    }

    /** Python's blanks: those of Unicode, and the separators 1C to 1F. */
    private static boolean unwanted(char c, String unwanted) {
        return unwanted.isEmpty()
                ? Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085'
                : unwanted.indexOf(c) >= 0;
    }

    private static boolean anyOf(Object[] arguments, java.util.function.Predicate<String> test) {
        if (arguments.length > 0 && arguments[0] instanceof Collection<?> several) {
            return several.stream().anyMatch(one -> test.test(String.valueOf(one)));
        }
        return test.test(argument(arguments, 0));
    }

    private static String title(String text) {
        StringBuilder title = new StringBuilder();
        boolean inside = false;
        for (char c : text.toCharArray()) {
            title.append(inside ? Character.toLowerCase(c) : Character.toUpperCase(c));
            inside = Character.isLetter(c);
        }
        return title.toString();
    }

    private static String replace(String text, Object[] arguments) {
        String from = argument(arguments, 0);
        String to = argument(arguments, 1);
        int limit = arguments.length > 2 && arguments[2] instanceof Number number ? number.intValue() : -1;
        return limit < 0
                ? text.replace(from, to)
                : String.join(
                        to,
                        split(text, from, limit).stream().map(String::valueOf).toList());
    }

    private static PyList split(String text, Object[] arguments) {
        int limit = arguments.length > 1 && arguments[1] instanceof Number number ? number.intValue() : -1;
        if (arguments.length == 0 || arguments[0] == null) {
            String stripped = strip(text, new Object[0], true, true);
            return new PyList(
                    stripped.isEmpty()
                            ? new ArrayList<>()
                            : new ArrayList<>(List.of((Object[]) stripped.split("\\s+", limit < 0 ? 0 : limit + 1))));
        }
        return new PyList(split(text, arguments[0].toString(), limit));
    }

    private static List<Object> split(String text, String separator, int limit) {
        List<Object> parts = new ArrayList<>();
        int from = 0;
        int at = text.indexOf(separator);
        while (at >= 0 && (limit < 0 || parts.size() < limit)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
            at = text.indexOf(separator, from);
        }
        parts.add(text.substring(from));
        return parts;
    }

    private static PyList rsplit(String text, Object[] arguments) {
        int limit = arguments.length > 1 && arguments[1] instanceof Number number ? number.intValue() : -1;
        if (limit < 0 || arguments[0] == null) {
            return split(text, arguments);
        }
        String separator = argument(arguments, 0);
        List<Object> parts = new ArrayList<>();
        String rest = text;
        for (int at = rest.lastIndexOf(separator); at >= 0 && parts.size() < limit; at = rest.lastIndexOf(separator)) {
            parts.add(rest.substring(at + separator.length()));
            rest = rest.substring(0, at);
        }
        parts.add(rest);
        Collections.reverse(parts);
        return new PyList(parts);
    }

    private static String join(String text, Object[] arguments) {
        List<String> parts = new ArrayList<>();
        if (arguments.length > 0 && arguments[0] instanceof Iterable<?> several) {
            several.forEach(one -> parts.add(String.valueOf(one)));
        }
        return String.join(text, parts);
    }

    private static String argument(Object[] arguments, int number) {
        if (arguments.length <= number || arguments[number] == null) {
            throw new TemplateFunctions.Raised("a method lacks its argument number " + (number + 1));
        }
        return arguments[number].toString();
    }

    private static TemplateFunctions.Raised unsupported(String of, String method) {
        return new TemplateFunctions.Raised("the method " + method + " of " + of + " is not supported");
    }

    @Override
    public @Nullable Object getValue(ELContext context, @Nullable Object base, @Nullable Object property) {
        return null;
    }

    @Override
    public @Nullable Class<?> getType(ELContext context, @Nullable Object base, @Nullable Object property) {
        return null;
    }

    @Override
    public void setValue(ELContext context, @Nullable Object base, @Nullable Object property, @Nullable Object value) {}

    @Override
    public boolean isReadOnly(ELContext context, @Nullable Object base, @Nullable Object property) {
        return true;
    }

    @Override
    public @Nullable Class<?> getCommonPropertyType(ELContext context, @Nullable Object base) {
        return null;
    }

    @Override
    public @Nullable Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, @Nullable Object base) {
        return null;
    }
}
