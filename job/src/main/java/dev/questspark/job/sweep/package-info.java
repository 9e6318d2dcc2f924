/** What a sweep compares: every selector, budget, page score and number of dense layers. */
package dev.questspark.job.sweep;
