/**
 * Page ids and who holds them: bookkeeping without memory behind it. The memory of a page id lives
 * in the cache; nothing here knows of tensors, threads or clocks.
 *
 * <p>A sequence's tokens stand in pages of {@code pageSize} consecutive positions. Full pages of a
 * document are held by the document and by every question that reads them, and are written only
 * while the document is prefilled.
 */
package dev.questspark.engine.pages;
