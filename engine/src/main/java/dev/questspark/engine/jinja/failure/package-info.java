/** How a template fails: in one sentence with its line. */
package dev.questspark.engine.jinja.failure;
