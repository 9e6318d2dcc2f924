/**
 * Which pages does this query read? Attention only ever sees a {@link
 * dev.questspark.engine.ops.PageList}; dense is the selector that lists every page. A new policy is
 * one class here and one line in {@link dev.questspark.engine.select.PageSelectors}.
 */
package dev.questspark.engine.select;
