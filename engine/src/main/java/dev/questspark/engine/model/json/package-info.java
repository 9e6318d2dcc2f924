/** JSON files of a model folder, read with types and with errors that name the key. */
package dev.questspark.engine.model.json;
