# SPDX-License-Identifier: MIT
"""Writes unicode_tables.c: what Python's str methods know about characters, from Python itself.

    python3 src/jinja/make_unicode_tables.py > src/jinja/unicode_tables.c
"""
import unicodedata

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def classes(code):
    char = chr(code)
    bits = [char.isalpha(), char.isdecimal(), char.isdigit(), char.isnumeric(), char.isspace(), char.islower(),
            char.isupper(), char.istitle() and not char.isupper(), char.isprintable()]
    # str.lower() writes a final sigma after a cased character, looking past the ones that have no case: that shows
    # which characters are which.
    cased = (char + "\u03a3").lower()[-1] == "\u03c2"
    bits += [cased, ("A" + char + "\u03a3").lower()[-1] == "\u03c2" and not cased]
    return sum(bit << i for i, bit in enumerate(bits))


def table(name, kind, items, width):
    print(f"const {kind} jinja_{name}[] = {{")
    for i in range(0, len(items), width):
        print("    " + " ".join(item + "," for item in items[i:i + width]))
    print(f"}};\nconst size_t jinja_{name}_count = {len(items)};\n")


def ranges(mapping):
    """[(first, last, stride, delta)] for {code: delta}; ranges may interleave, and are sorted by their first code."""
    out = []
    for delta in set(mapping.values()):
        codes = sorted(c for c in mapping if mapping[c] == delta)
        while codes:
            first, stride = codes[0], 2 if len(codes) > 1 and codes[1] - codes[0] == 2 else 1
            n = 1
            while n < len(codes) and codes[n] - codes[n - 1] == stride:
                n += 1
            out.append((first, codes[n - 1], stride, delta))
            codes = codes[n:]
    return sorted(out)


def main():
    print("/* SPDX-License-Identifier: MIT */")
    print(f"/* Made by make_unicode_tables.py from Unicode {unicodedata.unidata_version}; do not edit. */")
    print('#include "jinja/unicode_tables.h"\n')

    runs, previous = [], None
    for code in range(0x110000):
        now = classes(code) if not 0xD800 <= code < 0xE000 else 0
        if now != previous:
            runs.append(f"0x{code << 11 | now:08x}")
            previous = now
    table("class_runs", "uint32_t", runs, 8)

    special = []
    for name, convert in (("upper", str.upper), ("lower", str.lower)):
        mapping = {}
        for code in CODES:
            to = convert(chr(code))
            if len(to) > 1:
                special.append((code, name, to))
            elif to != chr(code):
                mapping[code] = ord(to) - code
        items = [f"{{0x{a:x}, 0x{b:x}, {s}, {d}}}" for a, b, s, d in ranges(mapping)]
        table(f"{name}_ranges", "struct case_range", items, 3)
    special += [(c, "title", chr(c).title()) for c in CODES
                if chr(c).title() != chr(c).upper() or len(chr(c).title()) > 1]

    items = [f"{{0x{c:x}, UNICODE_TO_{n.upper()}, {{{', '.join(hex(ord(x)) for x in to)}}}}}"
             for c, n, to in sorted(special)]
    table("case_specials", "struct case_special", items, 2)


main()
