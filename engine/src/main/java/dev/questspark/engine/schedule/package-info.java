/**
 * Who computes what in the next step: continuous batching with chunked prefill over shared document
 * pages. Pure bookkeeping: it counts tokens and pages and knows neither tensors nor threads nor
 * clocks, so the same submissions always give the same steps.
 */
package dev.questspark.engine.schedule;
