/**
 * What a run leaves behind: {@code answers/}, {@code stats/} and {@code steps/} in Parquet with
 * explicit schemas, and {@code run.json}.
 */
package dev.questspark.job.output;
