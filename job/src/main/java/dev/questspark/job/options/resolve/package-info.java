/**
 * From what a user wrote to typed options: flag, Spark conf, preset, model folder, default, in this
 * order; then the checks that the declarations ask for.
 */
package dev.questspark.job.options.resolve;
