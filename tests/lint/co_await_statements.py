#!/usr/bin/python3
"""Finds co_await statements of the shapes that g++ 12.2 miscompiles (heap corruption, no warning).

The operand of co_await must be a call whose arguments are names, literals or std::move(name). A statement with
co_await may hold no braced initializer, no lambda that captures by value, no `?:` and no `throw`: the temporary
these make is destroyed twice. Name the object first, then await.

usage: co_await_statements.py FILE...        exit 1 when something was found
       co_await_statements.py --self-test
"""
import re
import sys
from dataclasses import dataclass, field

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    r'|[A-Za-z_]\w*|\d[\w.\']*|::|->|&&|\|\||\S', re.S)
PREPROCESSOR = re.compile(r'^[ \t]*#(?:.*\\\n)*.*$', re.M)
OPENS_SCOPE = {'namespace', 'struct', 'class', 'enum', 'union', 'extern'}
BEFORE_BLOCK = {')', 'else', 'try', 'do', 'const', 'noexcept', 'override', 'final', '>', '&', 'mutable'}


@dataclass
class Statement:
    line: int = 0
    words: list = field(default_factory=list)  # lambda bodies are replaced by <lambda> or <by-value-lambda>

    def add(self, word, line):
        if not self.words:
            self.line = line
        self.words.append(word)

    def open_parentheses(self):
        return self.words.count('(') - self.words.count(')')


def introducer_of_lambda(words):
    """Index of the '[' when a '{' behind `words` starts a lambda's body, else None."""
    at = len(words) - 1
    # Skip what may stand between the introducer and the body: specifiers, a trailing return type, parameters.
    depth = 0
    while at >= 0:
        word = words[at]
        if word in (')', '>', ']') and depth == 0 and word == ']':
            break
        if word == ')':
            depth += 1
        elif word == '(':
            depth -= 1
            if depth < 0:
                return None
        elif depth == 0 and word in (';', ',', '=', 'return', 'co_return', '?', '{', '}'):
            return None
        at -= 1
    if at < 0:
        return None
    depth = 0
    while at >= 0:
        depth += (words[at] == ']') - (words[at] == '[')
        if depth == 0:
            before = words[at - 1] if at else ''
            is_subscript = before == ')' or before == ']' or (re.match(r'\w', before) is not None and before not in (
                'return', 'co_return', 'co_await', 'co_yield', 'case', 'else'))
            return None if is_subscript else at
        at -= 1
    return None


def captures_by_value(words, introducer):
    inside, at = [], introducer + 1
    while words[at] != ']':
        inside.append(words[at])
        at += 1
    for index, word in enumerate(inside):
        before = inside[index - 1] if index else ','
        if word == '=' and before == ',':
            return True
        if re.match(r'[A-Za-z_]', word) and word != 'this' and before == ',':
            return True
    return False


def statements(text):
    text = PREPROCESSOR.sub(lambda match: re.sub(r'[^\n]', ' ', match.group()), text)
    current, stack = Statement(), []
    line, counted = 1, 0
    for match in TOKEN.finditer(text):
        word = match.group()
        if word.startswith(('//', '/*')):
            continue
        line += text.count('\n', counted, match.start())
        counted = match.start()
        if word[0] in '"\'' or word.startswith('R"'):
            word = '<text>'
        if word == '{':
            introducer = introducer_of_lambda(current.words)
            last = current.words[-1] if current.words else ''
            returns = '->' in current.words and current.open_parentheses() <= 0
            if introducer is not None:
                kind = '<by-value-lambda>' if captures_by_value(current.words, introducer) else '<lambda>'
                current.add(kind, line)
                stack.append(('lambda', current))
                current = Statement()
            elif current.open_parentheses() <= 0 and '=' not in current.words[-1:] and (
                    not current.words or (last in BEFORE_BLOCK and 'co_await' not in current.words) or
                    last in ('else', 'try', 'do', ')') or returns or OPENS_SCOPE & set(current.words)):
                yield current
                stack.append(('block', None))
                current = Statement()
            else:
                current.add('{', line)
                stack.append(('braces', None))
        elif word == '}':
            kind, outer = stack.pop() if stack else ('block', None)
            if kind == 'braces':
                current.add('}', line)
            else:
                yield current
                current = outer if kind == 'lambda' else Statement()
        elif word == ';' and current.open_parentheses() <= 0:
            yield current
            current = Statement()
        else:
            current.add(word, line)
    yield current


def faults(statement):
    words = statement.words
    if 'co_await' not in words:
        return
    if '{' in words:
        yield 'a braced initializer'
    if '<by-value-lambda>' in words:
        yield 'a lambda that captures by value'
    if '?' in words:
        yield '?:'
    if words[0] == 'throw':
        yield 'throw'
    if re.match(r'(REQUIRE|CHECK)', words[0]) and words[1:4] == ['(', '(', 'co_await']:
        yield 'an assertion on a member of what is awaited (it is awaited several times)'


BAD = [
    'co_await f(Spec{"a", 1});', 'auto x = Agg{co_await x(), 3};', 'Agg a{.s = co_await x()};',
    'v.push_back(Agg{co_await x()});', 'auto s = c ? co_await a("x") : co_await b("y");', 'throw Error(co_await text());',
    'co_await f({"a", "b"});', 'co_await co_spawn(ex, [s]() -> awaitable<void> { co_return; }, use_awaitable);',
    'co_await Host{}.go();', 'co_await f([=] { return 1; });', 'int n = co_await g([value = s] { return value; });',
    'if (co_await f(Spec{1})) { g(); }', 'co_await f(g(Spec{1}));', 'std::vector<int> v{co_await x()};',
    'co_return Result{co_await x()};', 'auto run = [&]() -> awaitable<void> { co_await f(Spec{1}); };',
]
GOOD = [
    'co_await f(spec);', 'co_await f(std::move(spec), "text", 3);', 'auto x = co_await f(g(y));',
    'if (a && co_await b()) { c(Spec{1}); }', 'for (auto& x : co_await list()) { use(x); }',
    'co_spawn(ex, [s] { return s; }, handler);', 'Spec spec{1, 2};\nco_await f(spec);',
    'auto run = [s](int a) -> awaitable<void> { co_await f(a); };', 'co_await f([&x] { return x; });',
    'awaitable<void> C::run() {\n  co_await f();\n}', 'while (co_await next()) {\n  Agg a{1};\n}',
    'awaitable<std::optional<T>> until(TimePoint d) {\n  co_await wait(d);\n  co_return x;\n}',
    'switch (co_await f()) {\n  case A: return;\n}', 'struct S { int a = 1; awaitable<void> f() { co_await g(); } };',
    'const auto [a, b] = co_await f();', 'REQUIRE(co_await f() == 3);', 'int x = array[3]; { co_await f(array[1]); }',
]


def self_test():
    wrong = [code for code in BAD if not any(list(faults(s)) for s in statements(code))]
    wrong += [code for code in GOOD if any(list(faults(s)) for s in statements(code))]
    for code in wrong:
        print('misjudged:', code)
    return 1 if wrong else 0


def main(arguments):
    if arguments == ['--self-test']:
        return self_test()
    found = 0
    for path in arguments:
        with open(path, encoding='utf-8') as source:
            for statement in statements(source.read()):
                for fault in faults(statement):
                    print(f'{path}:{statement.line}: {fault} in a co_await statement; name the object first')
                    found += 1
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
