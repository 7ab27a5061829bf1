"""Programs, and the normal form of each. A dot starts an introduced name."""

FORMS = {
    "one return stays": (
        "def f(x):\n    y = x\n    return y",
        "def f(x):\n    y = x\n    return y",
    ),
    "no return": ("def f(x):\n    x[0] = 1", "def f(x):\n    x[0] = 1\n    return None"),
    "pass only": ("def f(x):\n    pass", "def f(x):\n    return None"),
    "early return": (
        """
        def f(x):
            if x < 0:
                return -x
            y = x * x
            return y
        """,
        """
        def f(x):
            if x < 0:
                .result = -x
            else:
                y = x * x
                .result = y
            return .result
        """,
    ),
    "bare returns": (
        """
        def f(x):
            if x[0] < 0:
                return
            x[0] = 1
        """,
        """
        def f(x):
            if not x[0] < 0:
                x[0] = 1
            return None
        """,
    ),
    "continue": (
        """
        def f(n):
            s = 0
            for i in range(n):
                if i % 2:
                    continue
                s += i
            return s
        """,
        """
        def f(n):
            s = 0
            for i in range(n):
                if not i % 2:
                    s += i
            return s
        """,
    ),
    "break": (
        """
        def f(x):
            for i in range(9):
                if x > 1:
                    break
                x *= 2
            return x
        """,
        """
        def f(x):
            .go1 = True
            for[.go1] i in range(9):
                if x > 1:
                    .go1 = False
                else:
                    x *= 2
            return x
        """,
    ),
    "for else": (
        """
        def f(x):
            for i in x:
                if i > 1:
                    break
            else:
                i = 7
            return i
        """,
        """
        def f(x):
            .go1 = True
            for[.go1] i in x:
                .go1 = not i > 1
            if .go1:
                i = 7
            return i
        """,
    ),
    "else of a loop without break": (
        """
        def f(x):
            while x < 3:
                x += 1
            else:
                x = 0
            return x
        """,
        """
        def f(x):
            while x < 3:
                x += 1
            x = 0
            return x
        """,
    ),
    "while true with leading break": (
        """
        def f(x):
            while True:
                if x < 1:
                    break
                x /= 2
            return x
        """,
        """
        def f(x):
            while not x < 1:
                x /= 2
            return x
        """,
    ),
    "while with leading breaks": (
        """
        def f(x, n):
            while n:
                if x < 1:
                    break
                if not x:
                    break
                x /= 2
            return x
        """,
        """
        def f(x, n):
            while n and (not x < 1) and x:
                x /= 2
            return x
        """,
    ),
    "do while": (
        """
        def f(x):
            while True:
                x /= 2
                if x < 1:
                    break
            return x
        """,
        """
        def f(x):
            .go1 = True
            while .go1:
                x /= 2
                .go1 = not x < 1
            return x
        """,
    ),
    "search": (
        """
        def f(x, n):
            for i in range(n):
                if x[i] > 0:
                    return i
            return -1
        """,
        """
        def f(x, n):
            .go1 = True
            for[.go1] i in range(n):
                if x[i] > 0:
                    .result = i
                    .go1 = False
            if .go1:
                .result = -1
            return .result
        """,
    ),
    "return out of two loops": (
        """
        def f(x, n):
            for i in range(n):
                for j in range(n):
                    if x[i] > x[j]:
                        return i
                x[i] = 0
        """,
        """
        def f(x, n):
            .go1 = True
            for[.go1] i in range(n):
                .go2 = True
                for[.go2] j in range(n):
                    if x[i] > x[j]:
                        .result = i
                        .go2 = False
                if .go2:
                    x[i] = 0
                else:
                    .go1 = False
            if .go1:
                .result = None
            return .result
        """,
    ),
    "a short rest is written twice": (
        """
        def f(x):
            if x > 1:
                if x > 2:
                    return 3
                x = 4
            return x
        """,
        """
        def f(x):
            if x > 1:
                if x > 2:
                    .result = 3
                else:
                    x = 4
                    .result = x
            else:
                .result = x
            return .result
        """,
    ),
    "a long rest is under a flag": (
        """
        def f(x):
            if x > 1:
                if x > 2:
                    return 3
                x = 4
            x += 1
            return x
        """,
        """
        def f(x):
            .go1 = True
            if x > 1:
                if x > 2:
                    .result = 3
                    .go1 = False
                else:
                    x = 4
            if .go1:
                x += 1
                .result = x
            return .result
        """,
    ),
    "return in an endless loop": (
        """
        def f(x):
            while True:
                x /= 2
                if x < 1:
                    return x
        """,
        """
        def f(x):
            .go1 = True
            while .go1:
                x /= 2
                if x < 1:
                    .result = x
                    .go1 = False
            return .result
        """,
    ),
    "assert": (
        """
        def f(x):
            assert x > 0, "negative"
            return x
        """,
        """
        def f(x):
            if not x > 0:
                raise AssertionError('negative')
            return x
        """,
    ),
    "small things": (
        '''
        def f(x):
            """Docstring."""
            y: float = x
            z: int
            del y, x[0]
            ...
            return x
        ''',
        """
        def f(x):
            y = x
            del x[0]
            return x
        """,
    ),
    "try finally": (
        """
        def f(x):
            try:
                if x:
                    return 1
                raise ValueError("no")
            finally:
                g(x)
        """,
        """
        def f(x):
            if x:
                .result = 1
            else:
                g(x)
                raise ValueError('no')
            g(x)
            return .result
        """,
    ),
    "match": (
        """
        def f(x):
            match x + 1:
                case 1 | 2:
                    return 0
                case None if x > 3:
                    y = 1
                case a.b as y:
                    pass
                case y if y:
                    y = 2
                case _:
                    y = 3
            return y
        """,
        """
        def f(x):
            .subject1 = x + 1
            if .subject1 == 1 or .subject1 == 2:
                .result = 0
            else:
                if .subject1 is None and x > 3:
                    y = 1
                elif .subject1 == a.b:
                    y = .subject1
                else:
                    y = .subject1
                    if y:
                        y = 2
                    else:
                        y = 3
                .result = y
            return .result
        """,
    ),
    "nested functions": (
        """
        def f(x):
            def g(y):
                if y:
                    return 1
                return 2
            return g(x)
        """,
        """
        def f(x):

            def g(y):
                if y:
                    .result = 1
                else:
                    .result = 2
                return .result
            return g(x)
        """,
    ),
}
