package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.syntax.Node.Block;
import dev.questspark.engine.jinja.syntax.Parser;
import dev.questspark.engine.jinja.syntax.Symbols;
import dev.questspark.engine.jinja.syntax.Vocabulary;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A template in the language of chat templates, with the meaning that Python's jinja2 3.1 gives it
 * in the environment of transformers: an immutable sandbox with {@code trim_blocks}, {@code
 * lstrip_blocks}, {@code break} and {@code continue}, nothing escaped, {@code tojson} as {@code
 * json.dumps}, {@code raise_exception}, {@code strftime_now} and {@code generation}.
 *
 * <p>What is not supported, or would run away, ends in a {@link JinjaException}; it is never read
 * as something else. Immutable, and safe for several threads.
 */
public final class JinjaTemplate {
  private static final Vocabulary KNOWN =
      new Vocabulary() {
        @Override
        public boolean hasFilter(String name) {
          return Filters.isKnown(name);
        }

        @Override
        public boolean hasTest(String name) {
          return Conditions.isKnown(name);
        }
      };

  private final Block body;
  private final Map<Block, Set<String>> hidden;

  private JinjaTemplate(Block body, Map<Block, Set<String>> hidden) {
    this.body = body;
    this.hidden = hidden;
  }

  /**
   * Reads a template.
   *
   * @throws JinjaException if its syntax is wrong, or it needs what is not supported
   */
  public static JinjaTemplate parse(String template) {
    try {
      Block body = Parser.parse(template);
      return new JinjaTemplate(body, Symbols.hiddenNames(body, KNOWN));
    } catch (StackOverflowError e) {
      throw new JinjaException("the template is nested too deeply");
    }
  }

  /**
   * The template's text.
   *
   * @param variables by name: null, booleans, numbers, strings, lists and maps of these
   * @throws JinjaException if the template fails, or raises an exception of its own
   */
  public String render(Map<String, ?> variables) {
    Frame context = new Frame(Optional.empty());
    Globals.all().forEach(context::set);
    variables.forEach((name, value) -> context.set(name, Python.fromJava(value)));
    try {
      return new Renderer(hidden).render(body, context);
    } catch (
        StackOverflowError e) { // a macro or a value without end; the stack is whole again here
      throw new JinjaException("the template calls itself or nests its values too deeply");
    }
  }
}
