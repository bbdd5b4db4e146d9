package org.openstrawberry.worker.report;

/** One of the figures that a run is known by. */
public record Tile(String what, String value, String note) {}
