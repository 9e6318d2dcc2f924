/**
 * Which pages does this query read? Attention only ever sees a {@link
 * dev.questspark.engine.ops.PageList}; dense is the selector that lists every page. The policies
 * that users name are in {@link dev.questspark.engine.policy}.
 */
package dev.questspark.engine.select;
