package dev.questspark.job.options;

import java.util.Map;

/**
 * The options of a job as texts, for the console, {@code run.json} and the parameters' hash.
 *
 * @param settings every option by name
 * @param deciding name and value of those that decide results, as opposed to where and how fast
 *     they are made
 */
public record OptionListing(Map<String, Setting> settings, Map<String, String> deciding) {}
