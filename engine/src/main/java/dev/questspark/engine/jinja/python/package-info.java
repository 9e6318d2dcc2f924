/**
 * Python's values in Java, and what Python does with them: operators, comparisons, attributes,
 * methods of strings, lists and dicts, formats, slices and JSON. Nothing here knows of templates.
 */
package dev.questspark.engine.jinja.python;
