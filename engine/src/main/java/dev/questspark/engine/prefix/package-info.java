/** Documents compressed once they are prefilled: the stores they go to, and what each takes. */
package dev.questspark.engine.prefix;
