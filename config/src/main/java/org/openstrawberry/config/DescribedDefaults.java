package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.comments.CommentLine;
import org.yaml.snakeyaml.composer.Composer;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.parser.ParserImpl;
import org.yaml.snakeyaml.reader.StreamReader;
import org.yaml.snakeyaml.resolver.Resolver;

/** The defaults with the comment that stands behind each of them. Keys are dotted. */
final class DescribedDefaults {
    /** What a comment says to whoever reads the file itself. */
    private static final Pattern POINTER = Pattern.compile("(^|[;:] )see block-defaults\\.yaml$");

    private final Setting.Block values;
    private final Map<String, String> comments = new HashMap<>();

    private DescribedDefaults(Setting.Block values, String text) {
        this.values = values;
        LoaderOptions options = new LoaderOptions();
        options.setProcessComments(true);
        Node root = new Composer(
                        new ParserImpl(new StreamReader(new StringReader(text)), options), new Resolver(), options)
                .getSingleNode();
        collect("", root);
    }

    static DescribedDefaults ofRuns() {
        return new DescribedDefaults(Defaults.runs(), Defaults.text(Defaults.RUN));
    }

    static DescribedDefaults ofBlocks() {
        return new DescribedDefaults(Defaults.blocks(), Defaults.text(Defaults.BLOCKS));
    }

    static DescribedDefaults ofWorkers() {
        return new DescribedDefaults(Defaults.worker(), Defaults.text(Defaults.WORKER));
    }

    static DescribedDefaults ofRewardTraining() {
        return new DescribedDefaults(Defaults.rewardTraining(), Defaults.text(Defaults.REWARD_TRAINING));
    }

    boolean has(String key) {
        return values.at(key).isPresent();
    }

    Optional<JsonNode> value(String key) {
        return values.at(key).map(Setting::json);
    }

    Optional<String> comment(String key) {
        return Optional.ofNullable(comments.get(key));
    }

    /** Of a key without a default, what its block's comment says of it: {@code KEY: text}, parted by semicolons. */
    Optional<String> commentInBlock(String key) {
        int dot = key.lastIndexOf('.');
        String block = comments.getOrDefault(dot < 0 ? "" : key.substring(0, dot), "");
        String begin = key.substring(dot + 1) + ": ";
        return Stream.of(block.split("; ", -1))
                .filter(part -> part.startsWith(begin))
                .map(part -> part.substring(begin.length()))
                .findFirst();
    }

    private void collect(String path, Node node) {
        if (!(node instanceof MappingNode block)) {
            return;
        }
        for (NodeTuple entry : block.getValue()) {
            String name = ((ScalarNode) entry.getKeyNode()).getValue();
            String key = path.isEmpty() ? name : path + "." + name;
            List<CommentLine> lines = new ArrayList<>(lines(entry.getKeyNode()));
            lines.addAll(lines(entry.getValueNode()));
            if (!lines.isEmpty()) {
                String comment =
                        lines.stream().map(line -> line.getValue().strip()).collect(Collectors.joining(" "));
                comments.put(key, POINTER.matcher(comment).replaceFirst(""));
            }
            collect(key, entry.getValueNode());
        }
    }

    private static List<CommentLine> lines(Node node) {
        return node.getInLineComments() == null ? List.of() : node.getInLineComments();
    }
}
