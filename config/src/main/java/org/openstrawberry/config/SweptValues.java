package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What a swept key may be: one of a list, or a number of a range. */
sealed interface SweptValues {
    /** @param uniform from 0, below 1 */
    Setting at(double uniform);

    /** All values, for a grid. */
    List<Setting> all(String key);

    /** What stands behind a key of {@code over}. */
    static SweptValues of(String key, Setting written) {
        if (written instanceof Setting.Items list && !list.items().isEmpty()) {
            return new Choice(list.items());
        }
        if (written instanceof Setting.Block block && block.entries().size() == 1) {
            Map.Entry<String, Setting.Entry> only =
                    block.entries().entrySet().iterator().next();
            Optional<Scale> scale = Scale.named(only.getKey());
            if (scale.isPresent()) {
                return Range.of(key, scale.get(), only.getValue().value());
            }
        }
        String found = written instanceof Setting.Block block
                ? block.entries().keySet().toString()
                : written.shown();
        throw written.place()
                .error(key + ": expected a list of values, or a range such as { log-uniform: [1.0e-5, 1.0e-3] }"
                        + " (uniform, log-uniform or int-uniform), found " + found);
    }

    /** One of several values. */
    record Choice(List<Setting> values) implements SweptValues {
        @Override
        public Setting at(double uniform) {
            return values.get((int) (uniform * values.size()));
        }

        @Override
        public List<Setting> all(String key) {
            return values;
        }
    }

    /** A number from low to high. */
    record Range(Place place, Scale scale, double low, double high) implements SweptValues {
        private static final MathContext DIGITS = new MathContext(6);

        static Range of(String key, Scale scale, Setting bounds) {
            JsonNode json = bounds.json();
            boolean fits = json.isArray() && json.size() == 2;
            for (JsonNode bound : json) {
                fits &= scale == Scale.INT_UNIFORM
                        ? bound.isIntegralNumber() && bound.canConvertToInt()
                        : bound.isNumber() && Double.isFinite(bound.doubleValue());
            }
            fits = fits && json.get(0).doubleValue() < json.get(1).doubleValue();
            fits = fits && (scale != Scale.LOG_UNIFORM || json.get(0).doubleValue() > 0);
            if (!fits) {
                throw bounds.place().error(key + ": expected " + scale.bounds + ", found " + bounds.shown());
            }
            return new Range(
                    bounds.place(),
                    scale,
                    json.get(0).doubleValue(),
                    json.get(1).doubleValue());
        }

        @Override
        public Setting at(double uniform) {
            double drawn = Math.min(high, Math.max(low, scale.at(uniform, low, high)));
            JsonNode json = scale == Scale.INT_UNIFORM
                    ? JsonNodeFactory.instance.numberNode((int) drawn)
                    : JsonNodeFactory.instance.numberNode(Math.min(high, Math.max(low, rounded(drawn))));
            return new Setting.Scalar(place, json, json.asText());
        }

        @Override
        public List<Setting> all(String key) {
            throw place.error(
                    key + ": a range is for a random search; expected samples: N beside it, or a list of values");
        }

        /** Six digits can be read and typed again; more would promise a precision that no search has. */
        private static double rounded(double value) {
            return new BigDecimal(value).round(DIGITS).doubleValue();
        }
    }

    /** How the numbers of a range are spread. */
    enum Scale {
        UNIFORM("[low, high], two numbers, low below high") {
            @Override
            double at(double uniform, double low, double high) {
                return low + uniform * (high - low);
            }
        },
        LOG_UNIFORM("[low, high], two numbers above 0, low below high") {
            @Override
            double at(double uniform, double low, double high) {
                // StrictMath: the same digits on every machine.
                double from = StrictMath.log(low);
                return StrictMath.exp(from + uniform * (StrictMath.log(high) - from));
            }
        },
        INT_UNIFORM("[low, high], two whole numbers, low below high; both can be drawn") {
            @Override
            double at(double uniform, double low, double high) {
                return Math.floor(low + uniform * (high - low + 1));
            }
        };

        private final String bounds;

        Scale(String bounds) {
            this.bounds = bounds;
        }

        static Optional<Scale> named(String written) {
            return Arrays.stream(values())
                    .filter(scale -> scale.written().equals(written))
                    .findFirst();
        }

        /** As it stands in a sweep file. */
        String written() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }

        abstract double at(double uniform, double low, double high);
    }
}
