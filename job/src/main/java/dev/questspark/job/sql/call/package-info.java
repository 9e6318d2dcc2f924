/** What a call of a query is: its function, its arguments, its options. */
package dev.questspark.job.sql.call;
