/**
 * What a backend is, how it is found and opened, and the options that it heeds. Backends themselves
 * stand in packages of their own, beside this one.
 */
package dev.questspark.engine.ops.backend;
