#!/usr/bin/env python3
"""Writes the expected ids of the tokenizer's tests, made with the PyPI package `tokenizers`.

    make_expected_tokens.py MODEL.gguf

makes, beside this script, with vocabulary and merges of the small real model:
  strings.jsonl      12,000 lines ["text", "base64 of the ids as little-endian uint16"],
                     pre-tokenizer Sequence[Digits(individual_digits), ByteLevel]
  splits.json        the same strings cut by every pre-tokenizer: per 20 strings an FNV-1a hash of
                     the pieces (vocabularies hide many differences); and under NFC, of the ids
  special.jsonl      ["text", "base64"] with special tokens parsed
  decode.jsonl       ["base64", "text"]: random ids and what they decode to
Development tool; needs the PyPI packages gguf and tokenizers. The tests need only its output.
"""

import base64
import json
import os
import random
import sys
import unicodedata

import gguf
import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

GPT2_LIKE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
COUNT = 12000

WORDS = """
the answer is therefore think step compute Natalia sold clips April friends half
many altogether Straße Übermut naïve façade coöperate Ærøskøbing señor ¿qué? garçon
œuvre İstanbul ğüşiöç Łódź żółć příliš žluťoučký Привет мир вычислить ответ ёлка
Київ ґанок Ελλάδα άθροισμα λύση τελικός ϕως שלום עולם תשובה שָׁלוֹם مرحبا بالعالم
الجواب لا إله فارسی گفت‌وگو اردو ہے नमस्ते दुनिया उत्तर क्षत्रिय স্বাগতম উত্তর தமிழ்
விடை తెలుగు ಕನ್ನಡ മലയാളം සිංහල ગુજરાતી ਪੰਜਾਬੀ ଓଡ଼ିଆ สวัสดีชาวโลก คำตอบ ສະບາຍດີ
ជំរាបសួរ မင်္ဂလာပါ བཀྲ་ཤིས་ გამარჯობა პასუხი Բարեւ աշխարհ ሰላም ልዑል 你好世界 答案是 数学 繁體中文
計算 こんにちは 世界 答え カタカナ ﾊﾝｶｸ 안녕하세요 세계 답 ㅎㅎ Tiếng Việt ngữ ᏣᎳᎩ ⵜⴰⵎⴰⵣⵉⵖⵜ 𝒜𝓁𝑔𝑒𝒷𝓇𝒶 𐌰𐍄𐍄𐌰 𓂀𓃠
def return import self.value std::vector<int> x_1 camelCase snake_case HTTPServer2
__init__ i++ &&= != >= -> => #include don't I'm we'll they've it's you're he'd DON'T
I'M WE'LL it’s rock'n'roll 'tis o'clock 'S 'ſ ''s you'ſx I'LLbe \\frac{1}{2} \\boxed{42} x^2 +
y_{i,j} = \\sqrt{3} $\\alpha$ <think> </think> <answer> </answer> #### <|im_start|>
<|im_end|> <|endoftext|> https://example.org/a?b=c&d=%20 user@example.org
C:\\path\\to 12:30:59 1,234,567.89 -3.14e-10 0xDEADBEEF 50% €20 £3 ¥100 ₹5 ½ ⅓ ² ³
¹⁰ Ⅷ ⅻ ① ⑳ ٣٤٥ ۱۲۳ १२३ ๑๒๓ 一二三 〇 𝟘𝟙𝟚 ೧೨ 𑁦 ௧௰ ㊿ 🄌
""".split()
EMOJI = (
    "😀 😂 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 🇯🇵 ❤️ ☺️ 🤦🏿‍♂️ 1️⃣ #️⃣ 🧑‍🚀 ✨ " "© ™ → ∑ ∫ ≠ ≤ ∞ ½ 🀄 🂡 ⚡️"
).split()
SPACES = [
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\t\t",
    " \n",
    "\n ",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u0085",
    "\u2028",
    "\u200b",
    "\ufeff",
    "\u1680",
    "\u202f",
    "\v",
    "\f",
    "\x1c",
    "\r",
    "        ",
]
CODE = [
    "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n",
    "def f(x):\n    if x > 0:\n        return x\n    return -x\n",
    "SELECT * FROM t WHERE a='b' -- c\n",
    '{"key": [1, 2.5, null, true]}',
    '<div class="a">\n  <p>x</p>\n</div>',
    "let v: Vec<&'a str> = s.split(',').collect();",
    "#!/bin/sh\nset -e\necho \"$HOME\" | sed 's/a/b/g'\n",
    "\\begin{align}\n  a &= b \\\\\n\\end{align}",
    "x = x**2 if x else ~x  # comment",
    "if(a&&b||!c){d?.e??f}",
]
COMBINING = [chr(c) for c in range(0x300, 0x34F)] + [
    "\u05b8",
    "\u0651",
    "\u093c",
    "\u20dd",
    "\ufe0f",
    "\u200d",
]
BLOCKS = [
    (0x20, 0x7F),
    (0xA0, 0x250),
    (0x250, 0x370),
    (0x370, 0x530),
    (0x530, 0x700),
    (0x900, 0xE00),
    (0xE00, 0x1100),
    (0x1100, 0x1400),
    (0x1E00, 0x2000),
    (0x2000, 0x2C00),
    (0x3000, 0x3400),
    (0x4E00, 0x9FFF),
    (0xA000, 0xABFF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFFFF),
    (0x10000, 0x10600),
    (0x11000, 0x11500),
    (0x12000, 0x12400),
    (0x1D400, 0x1D800),
    (0x1F000, 0x1FA00),
    (0x20000, 0x20400),
    (0xE0000, 0xE0200),
]


def random_char(rng):
    while True:
        low, high = rng.choice(BLOCKS)
        c = chr(rng.randrange(low, high))
        # What one version of Unicode has and another has not would test the version.
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def number(rng):
    kind = rng.randrange(6)
    n = rng.randrange(10 ** rng.randrange(1, 10))
    if kind == 0:
        return str(n)
    if kind == 1:
        return f"{n:,}"
    if kind == 2:
        return f"{n / 1000:.{rng.randrange(6)}f}"
    if kind == 3:
        return f"{rng.randrange(100)} {rng.choice('+-*/×÷=<>')} {rng.randrange(100)} ="
    if kind == 4:
        return f"{rng.randrange(20)}/{rng.randrange(1, 20)}"
    return "".join(
        chr(rng.choice([0x30, 0x660, 0x966, 0xFF10, 0xE50, 0x1D7CE]) + rng.randrange(10))
        for _ in range(4)
    )


def string(rng, kind):
    pick = rng.choice
    if kind == 0:  # words, one space
        return " ".join(pick(WORDS) for _ in range(rng.randrange(1, 7)))
    if kind == 1:  # words, any white space, also at the ends
        return "".join(pick(WORDS + [""]) + pick(SPACES) for _ in range(rng.randrange(1, 6)))
    if kind == 2:  # white space alone, with little between
        return "".join(pick(SPACES + ["a", "1", ".", "é"]) for _ in range(rng.randrange(1, 10)))
    if kind == 3:
        return pick([" ", "", "\n"]).join(number(rng) for _ in range(rng.randrange(1, 4)))
    if kind == 4:  # any characters of any script
        return "".join(random_char(rng) for _ in range(rng.randrange(1, 9)))
    if kind == 5:
        return pick([" ", ""]).join(pick(EMOJI + WORDS) for _ in range(rng.randrange(1, 4)))
    if kind == 6:  # combining marks
        return "".join(
            pick("aeoiucnAEO क가ש1 ") + "".join(pick(COMBINING) for _ in range(rng.randrange(3)))
            for _ in range(rng.randrange(1, 7))
        )
    if kind == 7:  # code, cut anywhere
        text = pick(CODE)
        start = rng.randrange(len(text))
        return text[start : start + rng.randrange(1, 30)] + pick(["", " ", number(rng)])
    if kind == 8:  # random bytes as far as they are text
        raw = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 14)))
        return raw.decode(pick(["latin-1", "utf-8"]), errors=pick(["replace", "ignore"]))
    if kind == 9:  # ASCII punctuation and letters, dense
        return "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(1, 20)))
    if kind == 10:  # control characters: bytes that have no token are among them
        return "".join(chr(rng.randrange(0, 0x100)) for _ in range(rng.randrange(1, 8)))
    return (
        pick(WORDS).capitalize()
        + " "
        + pick(WORDS)
        + pick([".", "?", "!\n", ":\n\n", ", "])
        + pick(WORDS)
    )


def strings():
    rng = random.Random(20240917)
    seen, out = set(), []
    fixed = [
        "",
        "a  12",
        "What is 12 + 7?",
        " ",
        "\n",
        "a" * 300,
        "ab" * 120,
        " " * 130,
        "aAbB" * 40 + "!" * 90,
        "é" * 80,
        "Natalia sold clips to 48 of her friends in April. How many clips did she sell altogether?",
        "the" * 60,
        "é漢😀" * 30,
        "_" * 129,
        "\n" * 70,
        "x " * 70,
        "1" * 40,
        "= " * 33 + "=" * 65,
    ]
    fixed += [chr(c) for c in range(0x180)]
    for text in fixed:
        if text not in seen:
            seen.add(text)
            out.append(text)
    i = 0
    while len(out) < COUNT:
        text = string(rng, i % 12)
        i += 1
        if text not in seen:
            seen.add(text)
            out.append(text)
    return out


def packed(ids):
    return base64.b64encode(np.array(ids, dtype="<u2").tobytes()).decode()


def fnv(lists):
    """FNV-1a over 64-bit values; a list ends with 0xFFFFFFFF."""
    h = 0xCBF29CE484222325
    for values in lists:
        for value in values + [0xFFFFFFFF]:
            h = ((h ^ value) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def hashes(texts, lists_of):
    """Of 20 texts each; lists_of(text) gives lists of values."""
    return [
        f"{fnv(v for t in texts[i:i + 20] for v in lists_of(t)):016x}"
        for i in range(0, len(texts), 20)
    ]


def pieces(pre_tokenizer):
    """Every piece as code points of the byte-level alphabet."""
    return lambda text: [[ord(c) for c in p] for p, _ in pre_tokenizer.pre_tokenize_str(text) if p]


def write_lines(folder, name, rows):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def main(path):
    folder = os.path.dirname(os.path.abspath(__file__))
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    vocab = {t: i for i, t in enumerate(tokens)}
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]

    def make(pre, normalizer=None):
        t = Tokenizer(models.BPE(vocab=vocab, merges=merges))
        t.pre_tokenizer = pre
        t.decoder = decoders.ByteLevel()
        if normalizer is not None:
            t.normalizer = normalizer
        return t

    def split(regex):
        return pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(regex), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    smollm = make(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    )
    assert smollm.encode("a  12").ids == [81, 256, 33, 34]
    texts = strings()
    write_lines(folder, "strings.jsonl", ([t, packed(smollm.encode(t).ids)] for t in texts))

    splits = {
        "smollm": hashes(texts, pieces(smollm.pre_tokenizer)),
        "gpt2": hashes(texts, pieces(byte_level)),
        "llama3": hashes(texts, pieces(split(GPT2_LIKE % "{1,3}"))),
        "qwen2": hashes(texts, pieces(split(GPT2_LIKE % ""))),
    }
    nfc = make(split(GPT2_LIKE % ""), normalizers.NFC())
    splits["qwen2 ids under nfc"] = hashes(texts, lambda text: [nfc.encode(text).ids])
    with open(os.path.join(folder, "splits.json"), "w") as f:
        json.dump(splits, f, separators=(",", ":"))
        f.write("\n")

    rng = random.Random(7)
    control = [tokens[i] for i, t in enumerate(types) if t == 3]
    decode = []
    for _ in range(300):
        ids = [rng.randrange(len(tokens)) for _ in range(rng.randrange(1, 12))]
        decode.append([packed(ids), smollm.decode(ids, skip_special_tokens=False)])
    smollm.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    special = []
    for _ in range(300):
        text = "".join(
            rng.choice(control + ["user\n", "\n", "a  12", " ", "<|im_", "<|im_end|", "d|>"])
            for _ in range(rng.randrange(1, 7))
        )
        special.append([text, packed(smollm.encode(text).ids)])
    write_lines(folder, "special.jsonl", special)
    write_lines(folder, "decode.jsonl", decode)


if __name__ == "__main__":
    main(sys.argv[1])
