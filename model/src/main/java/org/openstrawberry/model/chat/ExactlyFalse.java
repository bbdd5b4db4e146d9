package org.openstrawberry.model.chat;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import org.jspecify.annotations.Nullable;

/** {@code x is exactly_false}: what {@code x == false} says in Python. To the library an empty text equals false. */
final class ExactlyFalse implements ExpTest {
    static final String NAME = "exactly_false";

    @Override
    public String getName() {
        return NAME;
    }

    @Override
    public boolean evaluate(@Nullable Object value, JinjavaInterpreter interpreter, Object... arguments) {
        return Boolean.FALSE.equals(value) || (value instanceof Number number && number.doubleValue() == 0);
    }
}
