package org.openstrawberry.worker.report;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.MathContext;

/** Curves as the script that draws them takes them. */
final class ChartData {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final MathContext DIGITS = new MathContext(5);

    private ChartData() {}

    static ObjectNode of(Curves curves) {
        ObjectNode data = JSON.createObjectNode();
        ArrayNode runs = data.putArray("runs");
        for (Curves.Run run : curves.runs()) {
            ObjectNode node = runs.addObject().put("name", run.name()).put("perPoint", run.perPoint());
            ObjectNode columns = node.putObject("columns");
            run.columns().forEach((metric, values) -> {
                ArrayNode column = columns.putArray(metric);
                values.forEach(value -> add(column, value));
            });
        }
        data.set("charts", JSON.valueToTree(curves.charts()));
        return data;
    }

    /** Adds a number as short as it is drawn. */
    static void add(ArrayNode array, double value) {
        if (!Double.isFinite(value)) {
            array.addNull();
        } else if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            array.add((long) value);
        } else {
            array.add(new BigDecimal(value).round(DIGITS).doubleValue());
        }
    }
}
