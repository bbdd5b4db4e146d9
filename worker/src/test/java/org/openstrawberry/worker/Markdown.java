package org.openstrawberry.worker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A page of the docs as the tests read it: fenced blocks, and the lines between them. */
record Markdown(Path file, List<Block> blocks, List<Line> prose) {
    static final Path ROOT = Path.of("..");

    private static final String FENCE = "```";

    /**
     * A fenced block.
     *
     * @param comment the HTML comment on the line before it; empty where there is none
     */
    record Block(int line, String language, String comment, String text) {}

    /** A line of text. */
    record Line(int number, String text) {}

    static Markdown read(Path file) {
        try {
            return read(file, Files.readAllLines(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Markdown read(Path file, List<String> lines) {
        List<Block> blocks = new ArrayList<>();
        List<Line> prose = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (!line.startsWith(FENCE)) {
                prose.add(new Line(i + 1, line));
                continue;
            }
            int begin = i;
            StringBuilder text = new StringBuilder();
            while (!lines.get(++i).startsWith(FENCE)) {
                text.append(lines.get(i)).append('\n');
            }
            String before = begin == 0 ? "" : lines.get(begin - 1);
            String comment = before.startsWith("<!-- ") ? before.replaceAll("^<!-- | -->$", "") : "";
            blocks.add(new Block(begin + 1, line.substring(FENCE.length()).strip(), comment, text.toString()));
        }
        return new Markdown(file, blocks, prose);
    }

    /** Every page that the project ships: the front page, the docs, and those that lie beside what they describe. */
    static List<Markdown> all() throws IOException {
        List<Path> files = new ArrayList<>(List.of(ROOT.resolve("README.md")));
        for (String folder : List.of("docs", "config/runs", "benchmarks", "tools")) {
            try (Stream<Path> found = Files.walk(ROOT.resolve(folder))) {
                found.filter(file -> file.toString().endsWith(".md"))
                        .filter(file -> !file.toString().matches(".*/(target|\\.cache|site)/.*"))
                        .sorted()
                        .forEach(files::add);
            }
        }
        return files.stream().map(Markdown::read).toList();
    }

    @Override
    public String toString() {
        return ROOT.relativize(file).toString();
    }
}
