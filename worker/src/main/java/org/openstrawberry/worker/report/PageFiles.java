package org.openstrawberry.worker.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/** What the report and the live page are made of alike. */
public enum PageFiles {
    /** How both look. */
    STYLE("page.css"),
    /** Draws curves. */
    CHARTS("charts.js"),
    /** Draws trees of thoughts. */
    TREES("trees.js"),
    /** Their style. */
    TREES_STYLE("trees.css"),
    /** The library by which they are drawn. */
    CHART_LIBRARY("dist/uPlot.iife.min.js"),
    /** Its style. */
    CHART_LIBRARY_STYLE("dist/uPlot.min.css");

    private static final String LIBRARY = "org.webjars.npm/uplot";

    private final String file;

    PageFiles(String file) {
        this.file = file;
    }

    /** The file's content. */
    public String text() {
        return read(file.startsWith("dist/") ? inLibrary(file) : file);
    }

    /** In the library's WebJar, whatever its version. */
    private static String inLibrary(String file) {
        Properties jar = new Properties();
        try (InputStream in = open("/META-INF/maven/" + LIBRARY + "/pom.properties")) {
            jar.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return "/META-INF/resources/webjars/uplot/" + jar.getProperty("version") + "/" + file;
    }

    static String read(String resource) {
        try (InputStream in = open(resource)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputStream open(String resource) {
        InputStream in = PageFiles.class.getResourceAsStream(resource);
        if (in == null) {
            throw new IllegalStateException(resource + " is missing from the class path");
        }
        return in;
    }
}
