"""Random templates of compare.py's grammar, rendered by both sides; what differs is printed."""
import random

STRINGS = ["", "a", "abc", " x ", "Hello World", "\U0001f985a", "ab\nc\r\nd", "'", "\"", "a'b\"", "%s", "{}", "12",
           "-3", "1.5", "\u00a0x\u00a0", "\u00df", "<b>&", "a,b,,c", "x\ty", "\\n", "\u4f60\u597d", "aXbX", "TiTle case-x"]
NUMBERS = ["0", "1", "2", "3", "-1", "-7", "10", "100", "255", "0.1", "0.5", "1.0", "2.5", "-2.5", "1e16", "1e-5",
           "123456.789", "3.0", "12345678901234567890"]
VARIABLES = {
    "s": "Hello", "t": "  two words ", "n": 3, "z": 0, "f": 2.5, "b": True, "no": False, "e": None,
    "l": [3, 1, 2], "m": ["b", "A", "c", "a"], "d": {"a": 1, "b": "x", "C": [1, 2]}, "x": [],
    "r": [{"k": "v1", "i": 2, "g": "A"}, {"k": "v2", "i": 1, "g": "a"}, {"k": "v3", "i": 2, "g": "b"}],
    "o": {}, "mix": [1, "a", None, True, 2.0, [1], {"q": 1}],
}
METHODS = ["strip()", "strip('x ')", "lstrip()", "rstrip()", "lstrip('Ha')", "split()", "split(',')", "split('b', 1)", "split(none, 1)",
           "rsplit(',', 1)", "rsplit(none, 1)", "rsplit()", "splitlines()", "splitlines(true)", "partition('b')", "rpartition(',')", "startswith('a')",
           "startswith(('a', 'H'))", "endswith('c')", "endswith('l', 0, 3)", "find('b')", "rfind('l')", "find('', 9)", "count('a')", "count('')", "index('a')",
           "replace('a', 'bb')", "replace('', '-', 2)", "replace('l', '', 1)", "title()", "capitalize()", "swapcase()", "upper()", "lower()",
           "isdigit()", "isalpha()", "isspace()", "isupper()", "islower()", "isalnum()", "isnumeric()", "istitle()", "zfill(6)",
           "removeprefix('a')", "removesuffix('c')", "join(['x', 'y'])", "join('abc')", "format(1, 'a')", "center(9, '*')", "ljust(5)", "rjust(6, '0')",
           "expandtabs(4)", "isidentifier()", "isprintable()", "isascii()", "nosuch()", "isdecimal()"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "trim('a ')", "length", "count", "first", "last", "list", "string", "int", "int(7)", "int(0, 16)",
           "float", "float(1.5)", "round", "round(1)", "round(0, 'floor')", "round(1, 'ceil')", "round(-1)", "abs", "sum", "min", "max", "join", "join(', ')", "join('-', attribute='k')",
           "reverse", "reverse | list", "sort", "sort(reverse=true)", "sort(attribute='i')", "sort(attribute='g,i')", "sort(case_sensitive=true)", "unique | list", "unique(attribute='i') | list",
           "map('upper') | list", "map(attribute='k') | list", "map(attribute='q', default='?') | join", "map('default', 'y') | list", "select | list", "reject | list",
           "select('odd') | list", "select('string') | list", "reject('none') | list", "select('>', 1) | list", "selectattr('k') | list", "selectattr('i', 'equalto', 2) | list", "rejectattr('i', 'in', [1]) | list",
           "items | list", "dictsort", "dictsort(true)", "dictsort(false, 'value')", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)",
           "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "default('d')", "default('d', true)", "d", "batch(2) | list", "batch(2, '-') | list", "slice(2) | list", "slice(2, 0) | list",
           "groupby('i')", "groupby('g')", "groupby('g', case_sensitive=true)", "indent", "indent(2)", "indent(2, true)", "indent('>', true, true)", "wordcount", "escape", "e", "safe", "safe | upper",
           "format(1)", "format('a', 2)", "urlencode", "pprint", "replace('a', 'b')", "replace('l', 'L', 1)", "truncate(5)", "truncate(6, true, '..', 0)", "center(11)", "attr('k')", "xyz"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true", "false", "odd", "even", "divisibleby 2",
         "divisibleby(3)", "lower", "upper", "eq 3", "== 'a'", "equalto('x')", "ne 1", "lt 3", "ge(2)", "in [1, 2, 'a']", "in 'abc'", "callable", "sameas none", "sameas true", "escaped", "not none", "not defined"]
FORMATS = ["%s", "%d", "%5d|", "%-5s|", "%05.1f", "%x", "%#x", "%o", "%e", "%g", "%.3g", "%+d", "% d", "%r", "%c", "%%", "%.2s", "%10.3f|", "%i%%", "%G", "%(a)s", "%08.3e"]
SPECS = ["", ":>6", ":<6|", ":^7", ":*^7", ":05", ":.2f", ":,", ":x", ":#b", ":+", ":e", ":g", ":.3", "!r", "!s:>8", ":_", ":%", ":10.2f", ":=+6", ":s", ":d", ":,.2f", ":o", ":X"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, items):
        return self.random.choice(items)

    def literal(self, text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + "'"

    def atom(self, depth):
        kind = self.random.random()
        if kind < .3:
            return self.one(list(VARIABLES) + ["loop", "undefined_name"][1:])
        if kind < .5:
            return self.literal(self.one(STRINGS))
        if kind < .7:
            return self.one(NUMBERS)
        if kind < .8:
            return self.one(["true", "false", "none", "True", "[]", "{}", "()"])
        if kind < .88:
            return "[" + ", ".join(self.expression(depth - 1) for _ in range(self.random.randrange(4))) + "]"
        if kind < .92:
            return "(" + ", ".join(self.expression(depth - 1) for _ in range(2)) + ")"
        if kind < .96:
            return "{" + ", ".join(f"{self.one(['1', 'true', chr(39) + 'a' + chr(39), '2.0', 'none', chr(39) + 'b' + chr(39)])}: {self.expression(depth - 1)}" for _ in range(self.random.randrange(4))) + "}"
        return f"range({self.one(['3', '1, 5', '5, 1, -2', '0', 'n'])})"

    def expression(self, depth):
        if depth <= 0:
            return self.atom(0)
        kind = self.random.randrange(20)
        sub = lambda: self.expression(depth - 1)
        if kind < 3:
            return f"{sub()} {self.one(['+', '-', '*', '/', '//', '%', '**', '~', '~', '+'])} {sub()}"
        if kind < 5:
            return f"({sub()}) {self.one(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])} {sub()}"
        if kind == 5:
            return f"{sub()} {self.one(['<', '==', '<='])} {sub()} {self.one(['<', '!=', '>'])} {sub()}"
        if kind == 6:
            return f"{sub()} {self.one(['and', 'or'])} {sub()}"
        if kind == 7:
            return f"{self.one(['not ', '-', '+'])}{sub()}"
        if kind == 8:
            return f"({sub()} if {sub()}{' else ' + sub() if self.random.random() < .8 else ''})"
        if kind < 12:
            return f"({sub()}) | {self.one(FILTERS)}"
        if kind == 12:
            return f"({sub()}) is {self.one(TESTS)}"
        if kind < 15:
            text = self.one(["s", "t", self.literal(self.one(STRINGS)), f"({sub()} | string)"])
            return f"{text}.{self.one(METHODS)}"
        if kind == 15:
            bounds = [self.one(["", "0", "1", "-1", "2", "-2", "9", "-9", "n", "e"]) for _ in range(3)]
            return f"({sub()})[{':'.join(bounds[:self.random.choice([2, 2, 3])])}]"
        if kind == 16:
            return f"({sub()})[{self.one(['0', '1', '-1', '7', chr(39) + 'a' + chr(39), chr(39) + 'k' + chr(39), 'n', 'true', 's', 'e'])}]"
        if kind == 17:
            return f"({sub()}).{self.one(['a', 'k', 'items()', 'keys()', 'values()', 'get(' + chr(39) + 'a' + chr(39) + ')', 'get(' + chr(39) + 'zz' + chr(39) + ', 5)', 'index(1)', 'count(1)', 'append(1)', 'pop()', '0', 'a.b', 'items() | list', 'copy()', '_x', '__class__', 'update'])}"
        if kind == 18:
            return f"{self.literal(self.one(['', 'v=']) + self.one(FORMATS))} % {self.one([sub(), '(' + sub() + ',)', 'n', 'f', 's', 'd'])}"
        return f"{self.literal('{' + self.one(['', '0', 'x', '0[0]', 'x.a']) + self.one(SPECS) + '}')}.format({self.one(['n', 'f', 's', sub()])}, x={self.one(['d', 'n', 's', '1234567.891', '-42'])})"

    def names(self):
        return self.one(["p", "q", "s", "n", "i"])

    def statements(self, depth, looped=False):
        return "".join(self.statement(depth, looped) for _ in range(self.random.randrange(1, 4)))

    def tag(self, text):
        return "{%" + self.one(["", "", "-", "+"]) + f" {text} " + self.one(["", "", "-", "+"]) + "%}" + self.one(["", "\n", " \n  ", " "])

    def statement(self, depth, looped):
        kind = self.random.randrange(16 if depth > 0 else 4)
        if kind < 2:
            sign = self.one(["", "", "-"])
            return "{{" + sign + " " + self.one([self.names(), self.names(), self.expression(2)]) + " " + sign + "}}" + self.one(["", "\n", "|", " "])
        if kind == 2:
            return self.tag(f"set {self.names()} = {self.one([self.expression(1), self.names(), 'n + 1', 's ~ 1'])}")
        if kind == 3:
            return self.one(["text ", "{ ", "\n", "  ", "{# c #}\n", "{#- c -#}", "}} ", "a\n\n  b", "{% raw %} {{ x }} {% endraw %}\n"])
        body = lambda inner=looped: self.statements(depth - 1, inner)
        if kind < 7:
            middle = self.tag("elif " + self.expression(1)) + body() if self.random.random() < .3 else ""
            return self.tag("if " + self.expression(1)) + body() + middle + (self.tag("else") + body() if self.random.random() < .5 else "") + self.tag("endif")
        if kind < 11:
            chosen = f" if {self.one(['i', 'loop', 'i != 1', self.expression(1)])}" if self.random.random() < .3 else ""
            target, items = self.one([("i", "l"), ("i", "m"), ("i", "range(3)"), ("i, q", "d.items()"), ("i", "r"), ("i", "x"), ("i", self.expression(1)), ("i", "m | map('lower')")])
            info = self.one(["", "", "{{ loop.index }}{{ loop.first }}{{ loop.last }} ", "{{ loop.revindex0 }}{{ loop.length }}", "{{ loop.previtem }}<{{ loop.nextitem }}", "{{ loop.cycle('x', 'y') }}", "{{ loop.changed(i) }}"])
            stop = self.tag(f"if {self.one(['i == 1', 'loop.index == 2', self.expression(1)])}") + self.tag(self.one(["break", "continue"])) + self.tag("endif") if self.random.random() < .3 else ""
            return self.tag(f"for {target} in {items}{chosen}") + info + stop + body(True) + (self.tag("else") + body() if self.random.random() < .3 else "") + self.tag("endfor")
        if kind == 11:
            name = self.one(["f", "g"])
            signature = self.one(["", "p", "p, q=2", "p='a', q=p", "i=s"])
            use = self.one(["", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}", "{{ varargs }}{{ kwargs | dictsort }}"])
            call = self.one(["", "1", "1, 2", "1, 2, 3", "q=5", "1, z=9", "p=s"])
            return self.tag(f"macro {name}({signature})") + use + body(False) + self.tag("endmacro") + "{{ " + f"{name}({call})" + " }}"
        if kind == 12:
            return self.tag("set p") + body() + self.tag("endset")
        if kind == 13:
            return self.tag(f"with {self.one(['p = 1', 'q = s, p = q', 'i = n'])}") + body() + self.tag("endwith")
        if kind == 14:
            return self.tag("filter " + self.one(["upper", "trim", "replace('a', 'b') | title", "indent(2)"])) + body() + self.tag("endfilter")
        return self.one([
            self.tag("set ns = namespace(p=1)") + self.tag("for i in l") + self.tag("set ns.p = ns.p + i") + self.tag("endfor") + "{{ ns.p }}{{ ns }}",
            self.tag("macro w(a)") + "<{{ a }}{{ caller('c') }}>" + self.tag("endmacro") + self.tag("call(p) w(1)") + "{{ p }}" + body(False) + self.tag("endcall"),
            self.tag("for i in [1, [2, [3]]] recursive") + "{{ loop.depth }}{{ loop(i) if i is iterable else i }}" + self.tag("endfor"),
            self.tag("generation") + body(False) + self.tag("endgeneration"),
        ])

    def template(self):
        kind = self.random.random()
        if kind < .5:
            return "{{ " + self.expression(self.random.randrange(1, 4)) + " }}"
        return self.statements(self.random.randrange(1, 4))


def compare(java, python, verdict, count, seed):
    grammar = Grammar(seed)
    counts = {}
    for _ in range(count):
        template = grammar.template()
        got, expected = java.render(template, VARIABLES), python(template, VARIABLES)
        kind = verdict(got, expected)
        counts[kind] = counts.get(kind, 0) + 1
        if kind not in ("alike", "both refuse"):
            print(f"  {kind}: {template!r}\n    Java: {got}\n    Python: {expected}")
    print(f"fuzz, seed {seed}: {counts}")
    return counts
