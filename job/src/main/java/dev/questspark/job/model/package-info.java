/** Where the model folder is, and whether it can be used. */
package dev.questspark.job.model;
