/**
 * The report of a sweep or an evaluation: {@code stats/} (one row per policy) and {@code
 * report.html}, one page that needs no network. Every number on the page is a cell of {@code
 * stats/}, {@code quality/} or {@code speed/}, or follows from one by a formula that the page
 * states. {@link dev.questspark.job.report.Figures} says what the page's plots show, the templates
 * {@code plot-*.json} of the resources how; Vega, which the page carries, draws them.
 */
package dev.questspark.job.report;
