/**
 * An answer row: what was asked, what came of it, and how much of the document it was answered
 * from.
 */
package dev.questspark.job.answer;
