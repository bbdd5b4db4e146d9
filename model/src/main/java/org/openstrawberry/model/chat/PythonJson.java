package org.openstrawberry.model.chat;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.filter.Filter;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The filter {@code tojson} as transformers has it: Python's {@code json.dumps} without escapes for HTML or Unicode. */
final class PythonJson implements Filter {
    @Override
    public String getName() {
        return "tojson";
    }

    @Override
    public Object filter(@Nullable Object value, JinjavaInterpreter interpreter, String... arguments) {
        return dumps(value, -1, false);
    }

    @Override
    public Object filter(
            @Nullable Object value, JinjavaInterpreter interpreter, Object[] arguments, Map<String, Object> named) {
        Object indent = arguments.length > 1 ? arguments[1] : named.get("indent");
        return dumps(
                value,
                indent instanceof Number number ? number.intValue() : -1,
                Boolean.TRUE.equals(named.get("sort_keys")));
    }

    /**
     * @param indent blanks a level; negative is all on one line
     */
    static String dumps(@Nullable Object value, int indent, boolean sortKeys) {
        StringBuilder out = new StringBuilder();
        new Writer(out, indent, sortKeys).write(value, 1);
        return out.toString();
    }

    private record Writer(StringBuilder out, int indent, boolean sortKeys) {
        void write(@Nullable Object value, int level) {
            if (value instanceof Map<?, ?> map) {
                writeMap(sortKeys ? new TreeMap<>(map) : map, level);
            } else if (value instanceof Iterable<?> list) {
                writeList(list, level);
            } else if (value == null || value instanceof Boolean || value instanceof Number) {
                out.append(value);
            } else {
                writeText(value.toString());
            }
        }

        private void writeMap(Map<?, ?> map, int level) {
            out.append('{');
            Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
            for (boolean first = true; entries.hasNext(); first = false) {
                Map.Entry<?, ?> entry = entries.next();
                separate(first, level);
                writeText(String.valueOf(entry.getKey()));
                out.append(": ");
                write(entry.getValue(), level + 1);
            }
            close('}', map.isEmpty(), level);
        }

        private void writeList(Iterable<?> list, int level) {
            out.append('[');
            boolean first = true;
            for (Object item : list) {
                separate(first, level);
                write(item, level + 1);
                first = false;
            }
            close(']', first, level);
        }

        private void separate(boolean first, int level) {
            if (indent >= 0) {
                out.append(first ? "\n" : ",\n").append(" ".repeat(indent * level));
            } else if (!first) {
                out.append(", ");
            }
        }

        private void close(char bracket, boolean empty, int level) {
            if (indent >= 0 && !empty) {
                out.append('\n').append(" ".repeat(indent * (level - 1)));
            }
            out.append(bracket);
        }

        private void writeText(String text) {
            out.append('"');
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                switch (c) {
                    case '"' -> out.append("\\\"");
                    case '\\' -> out.append("\\\\");
                    case '\n' -> out.append("\\n");
                    case '\r' -> out.append("\\r");
                    case '\t' -> out.append("\\t");
                    case '\b' -> out.append("\\b");
                    case '\f' -> out.append("\\f");
                    default -> {
                        if (c < 0x20) {
                            out.append(String.format("\\u%04x", (int) c));
                        } else {
                            out.append(c);
                        }
                    }
                }
            }
            out.append('"');
        }
    }
}
