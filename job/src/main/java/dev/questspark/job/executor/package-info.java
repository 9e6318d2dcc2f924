/**
 * The engine of an executor JVM: opened by the first task, shared by all, its reports and its
 * trace, and what its failures mean for tasks and executors.
 */
package dev.questspark.job.executor;
