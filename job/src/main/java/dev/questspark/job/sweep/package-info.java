/**
 * The commands that measure: a sweep compares every selector, budget, page score and number of
 * dense layers; an evaluation asks a suite; both end with the report, which can be written again.
 */
package dev.questspark.job.sweep;
