/**
 * Documents in, answers out: tasks stream their documents through the one engine of their executor
 * and hand rows on as they finish.
 */
package dev.questspark.job.infer;
