/**
 * From a template's text to its tree, and what the tree says of names and filters before it runs.
 * Nothing here has a value yet.
 */
package dev.questspark.engine.jinja.syntax;
