/**
 * What a job or a query was told, as typed records by the subject of their reader: made once, on
 * the driver, and taken along by tasks. {@code keys} declares the options that they come from;
 * {@code resolve} finds the values, checks and types them.
 */
package dev.questspark.job.options;
