/**
 * The language of chat templates: {@link dev.questspark.engine.jinja.JinjaTemplate} is its
 * entrance, and what runs a template stands beside it: statements, expressions, filters, tests and
 * global functions. Its syntax, Python's values and its failure have packages of their own below.
 */
package dev.questspark.engine.jinja;
