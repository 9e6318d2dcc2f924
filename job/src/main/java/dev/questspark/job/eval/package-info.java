/**
 * Measures budgets on one engine: suites of documents with references, the speed and the answers of
 * every policy on one prefill per document, one file per finished document.
 */
package dev.questspark.job.eval;
