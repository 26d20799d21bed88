# SPDX-License-Identifier: MIT
"""notso tokenize against Hugging Face tokenizers, live: the same vocabulary and merges, the pre-tokenisers as
published.

Vocabularies: one trained here on made-up text, with every pre-tokeniser; those of the reference folder and
the default model's with what they are used with. Characters come from Unicode 14, which every PCRE2 in use
knows; of younger ones the two libraries may differ about which are letters and digits."""

import functools
import json
import random
import unicodedata

import gguf
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from gguf_files import read_gguf

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
AFTER_NUMBERS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + AFTER_NUMBERS
QWEN2 = CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + AFTER_NUMBERS
PRE_NAMES = ["gpt-2", "llama-bpe", "smaug-bpe", "smollm", "qwen2"]


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level(False)])


def published_pre_tokenizer(pre):
    if pre == "gpt-2":
        return byte_level(True)
    if pre == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)])
    return split_then_bytes(QWEN2 if pre == "qwen2" else LLAMA3)


class Vocabulary:
    """What a GGUF file says: tokens by id, their types (1 normal, 3 control, 4 user-defined), merges."""

    def __init__(self, tokens, types, merges, pre):
        self.tokens, self.types, self.merges, self.pre = tokens, types, merges, pre
        self.files = {}

    @classmethod
    def read(cls, path):
        reader = read_gguf(path)
        names = ("tokens", "token_type", "merges", "pre")
        vocabulary = cls(*(reader.fields["tokenizer.ggml." + name].contents() for name in names))
        vocabulary.files[vocabulary.pre] = path
        return vocabulary

    def write(self, path, pre=None, **changes):
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tokenizer_model(changes.get("model", "gpt2"))
        if changes.get("pre", True):
            writer.add_tokenizer_pre(pre or self.pre)
        if "tokens" not in changes or changes["tokens"]:
            writer.add_token_list(changes.get("tokens", self.tokens))
        writer.add_token_types(changes.get("types", self.types))
        writer.add_token_merges(changes.get("merges", self.merges))
        for name, value in changes.get("ids", {}).items():
            writer.add_uint32(f"tokenizer.ggml.{name}_token_id", value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        return path

    def file(self, folder, pre=None):
        pre = pre or self.pre
        """One file per pre-tokeniser for the whole session: writing the large vocabularies takes seconds."""
        if pre not in self.files:
            self.files[pre] = self.write(folder.mktemp("vocabulary") / "vocab.gguf", pre)
        return self.files[pre]

    def hugging_face(self, pre, normalize=True):
        vocab = {token: i for i, token in enumerate(self.tokens)}
        merges = [tuple(merge.split(" ")) for merge in self.merges]
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=pre == "llama-bpe"))
        tokenizer.pre_tokenizer = published_pre_tokenizer(pre)
        if pre == "qwen2" and normalize:
            tokenizer.normalizer = normalizers.NFC()
        return tokenizer

    def add_specials(self, tokenizer):
        for kind in (3, 4):
            added = [AddedToken(t, special=kind == 3, normalized=False)
                     for t, k in zip(self.tokens, self.types) if k == kind]
            (tokenizer.add_special_tokens if kind == 3 else tokenizer.add_tokens)(added)
        return tokenizer

    @functools.cached_property
    def missing_bytes(self):
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        single = {t for t in self.tokens if len(t) == 1}
        printable = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        others = [b for b in range(256) if b not in printable]
        chars = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
        assert set(chars.values()) == set(alphabet)
        return bytes(b for b in range(256) if chars[b] not in single)


WORDS = """the of and to in is that for it with as was on be by this are from or have an not which but we they
you while
SELECT return void const struct function import export class def self null true Hello World NotSo SmolLM
I'm you're he'll WE'VE it’s don't DON'T 'tis rock'n'roll l'été naïve Straße Ångström œuvre ĳs ſo
нещо Български привет Ελληνικά עברית العربية فارسی हिन्दी नमस्ते தமிழ் ภาษาไทย ខ្មែរ ქართული 한국어 日本語
カタカナ 中文字符 汉字 漢字 Việt Nam İstanbul""".split()
EMOJI = ["😀", "👨\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "👍🏽", "🇩🇪", "☂️", "✈", "🦙", "1️⃣", "😶\u200d🌫️"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u2028",
          "\u0085", "\u200b", "\u180e", "\ufeff", "\v", "\f", " " * 17, "\n" * 5, "\t\t  \n"]
CODE = ["for (int i = 0; i < n; i++) {\n    a[i] += b->c;\n}\n", "def f(x):\n\treturn x**2  # ²\n",
        "</div>\r\n<!-- x -->", "SELECT * FROM t WHERE a='b';", "https://example.org/?q=1&r=%20",
        "{\"k\":[1,2.5e-3,null]}", "\\begin{x}$a_{1}$"]
BLOCKS = [(0x20, 0x7E), (0xA1, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x591, 0x6FF), (0x900, 0xDFF),
          (0xE01, 0xEFF), (0x1780, 0x17FF), (0x2000, 0x2BFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
          (0xAC00, 0xD7A3), (0xFF01, 0xFFEE), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAF6), (0x20000, 0x2A6DF),
          (0, 0x1F)]


@functools.cache
def characters():
    return [[chr(c) for c in range(low, high + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
            for low, high in BLOCKS]


def mixed_text(n_bytes, seed):
    rng = random.Random(seed)
    blocks = characters()
    makers = [
        lambda: rng.choice(WORDS) + " " * rng.randint(0, 1),
        lambda: rng.choice(WORDS),
        lambda: rng.choice(EMOJI),
        lambda: rng.choice(SPACES),
        lambda: rng.choice(CODE),
        lambda: str(rng.randrange(10 ** rng.randint(1, 20))),
        lambda: "".join(rng.choices(rng.choice(blocks), k=rng.randint(1, 12))),
        lambda: rng.choice("!?.,;:-–—'’\"()[]#@$%^&*_+=~`|/\\") * rng.choice([1, 1, 1, 2, 3, 40]),
        lambda: rng.choice("٣७๒⅓²Ⅷ９") * rng.randint(1, 5),
        lambda: rng.choice("'’") + rng.choice(["s", "S", "t", "RE", "ve", "ſ", "ll", "LL", "d", "x"]),
    ]
    parts, size = [], 0
    while size < n_bytes:
        part = rng.choice(makers)()
        parts.append(part)
        size += len(part.encode())
    return "".join(parts)


@pytest.fixture(scope="session")
def text():
    return mixed_text(1_000_000, seed=1)


@pytest.fixture(scope="session")
def trained():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split_then_bytes(LLAMA3)
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im", "<|im_end|><|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=3000, special_tokens=specials, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([mixed_text(200_000, seed=7)], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
    types = [3 if t in specials else 1 for t in tokens] + [4, 4]
    return Vocabulary(tokens + ["<think>", "</think>"], types, merges, "llama-bpe")


@pytest.fixture(scope="session")
def named_vocabulary(request, trained):
    @functools.cache
    def named_vocabulary(name):
        if name == "trained":
            return trained
        if name == "model":
            return Vocabulary.read(request.getfixturevalue("model"))
        return Vocabulary.read(request.getfixturevalue("reference") / "vocab" / f"ggml-vocab-{name}.gguf")

    return named_vocabulary


# A vocabulary and a pre-tokeniser that it is, or could be, used with.
COMBINATIONS = [("trained", pre) for pre in PRE_NAMES] + [
    ("gpt-2", "gpt-2"), ("llama-bpe", "llama-bpe"), ("llama-bpe", "smaug-bpe"), ("model", "smollm"),
    ("model", "qwen2")]


@pytest.fixture
def vocabulary(vocabulary_name, named_vocabulary):
    return named_vocabulary(vocabulary_name)


combinations = pytest.mark.parametrize("vocabulary_name, pre", COMBINATIONS)


@pytest.fixture(scope="session")
def tokenize(run):
    def tokenize(path, data, *flags):
        done = run(["tokenize", "-m", path, *flags], stdin=data, binary=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(b"\n") and done.stdout.count(b"\n") == 1
        return [int(word) for word in done.stdout.split()]

    return tokenize


@pytest.fixture(scope="session")
def decode(run):
    def decode(path, ids):
        done = run(["tokenize", "-m", path, "--decode"], stdin=" ".join(map(str, ids)), binary=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return decode


@pytest.fixture(scope="session")
def trained_gguf(trained, tmp_path_factory):
    return trained.file(tmp_path_factory)


def assert_same(ours, theirs, tokens):
    if ours == theirs:
        return
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    near = slice(max(at - 5, 0), at + 8)
    got, expected = ([tokens[i] for i in ids[near]] for ids in (ours, theirs))
    pytest.fail(f"token {at}: {got} instead of {expected}")


@combinations
def test_a_megabyte_of_mixed_unicode_equals_hugging_face(vocabulary, pre, text, tokenize, decode,
                                                         tmp_path_factory):
    path = vocabulary.file(tmp_path_factory, pre)
    if pre == "qwen2":  # whose NFC normaliser is not applied
        text = unicodedata.normalize("NFC", text)
    ours = tokenize(path, text)
    assert_same(ours, vocabulary.hugging_face(pre).encode(text).ids, vocabulary.tokens)
    missing = vocabulary.missing_bytes
    assert decode(path, ours) == text.encode().translate(None, delete=missing)


def test_text_that_is_not_in_nfc_is_kept_as_it_is(trained, tokenize, decode, tmp_path):
    path = trained.write(tmp_path / "vocab.gguf", "qwen2")
    text = unicodedata.normalize("NFD", "Việt Nam, naïve, Ångström, 한국어")
    ours = tokenize(path, text)
    assert ours == trained.hugging_face("qwen2", normalize=False).encode(text).ids
    assert decode(path, ours) == text.encode()


@combinations
def test_any_bytes_come_back(vocabulary, pre, tokenize, decode, tmp_path_factory):
    path = vocabulary.file(tmp_path_factory, pre)
    rng = random.Random(pre)
    valid = mixed_text(100_000, seed=pre).encode()
    data = bytearray()
    while len(data) < 200_000:
        at = rng.randrange(len(valid))  # a cut may go through a character
        data += rng.choice([rng.randbytes(rng.randint(1, 40)), valid[at:at + rng.randint(1, 80)],
                            bytes(rng.choices(b"\xff\xc3\xa9\xf0\x9f z1", k=9))])
    data = bytes(data)
    missing = vocabulary.missing_bytes
    assert decode(path, tokenize(path, data)) == data.translate(None, delete=missing)


def test_reference_texts(reference, tokenize, decode):
    """As in test_tokenizer.c, through the program; there the larger vocabulary too."""
    path = reference / "vocab" / "ggml-vocab-gpt-2.gguf"
    texts = path.with_suffix(".gguf.inp").read_bytes().split(b"\n__ggml_vocab_test__\n")
    expected = path.with_suffix(".gguf.out").read_text().splitlines()
    assert texts.pop() == b"" and len(texts) == len(expected) == 46
    for text, line in zip(texts, expected):
        ids = tokenize(path, text)
        assert ids == [int(word) for word in line.split()], text
        assert decode(path, ids) == text


@pytest.mark.parametrize("vocabulary_name", ["trained", "llama-bpe", "model"])
def test_special_tokens_equal_hugging_face(vocabulary, tokenize, tmp_path_factory):
    path = vocabulary.file(tmp_path_factory)
    specials = [t for t, kind in zip(vocabulary.tokens, vocabulary.types) if kind in (3, 4)]
    rng = random.Random(5)
    parts = [rng.choice([rng.choice(specials), rng.choice(specials)[:-1], mixed_text(40, i), "<|", "|>"])
             for i in range(3000)]
    text = "".join(parts)
    ours = tokenize(path, text, "--special")
    theirs = vocabulary.add_specials(vocabulary.hugging_face(vocabulary.pre))
    assert_same(ours, theirs.encode(text, add_special_tokens=False).ids, vocabulary.tokens)
    controls = {i for i, kind in enumerate(vocabulary.types) if kind == 3}
    assert controls & set(ours)
    assert not controls & set(tokenize(path, text))


def test_a_barrier_keeps_special_tokens_apart(trained, trained_gguf, tokenize):
    end = trained.tokens.index("<|im_end|>")
    plain = "a <|im_end|> b"
    guarded = plain.encode().replace(b"<|im_end|>", b"<\xff|im_end|>")
    assert end in tokenize(trained_gguf, plain, "--special")
    assert tokenize(trained_gguf, guarded, "--special") == tokenize(trained_gguf, plain)
    assert tokenize(trained_gguf, b"x\xff", "--special") == tokenize(trained_gguf, b"x")
    assert tokenize(trained_gguf, b"x\xff") != tokenize(trained_gguf, b"x")


def test_of_overlapping_special_tokens_the_longest_wins(trained, trained_gguf, tokenize):
    id_of = trained.tokens.index
    assert tokenize(trained_gguf, "<|im_end|><|im_end|><|im_end|><|im", "--special") == [
        id_of("<|im_end|><|im_end|>"), id_of("<|im_end|>"), id_of("<|im")]
    assert tokenize(trained_gguf, "<think></think>", "--special") == [id_of("<think>"), id_of("</think>")]


@combinations
@pytest.mark.parametrize("merges_as", ["pairs", "strings"])
def test_tokenizer_json(vocabulary, pre, merges_as, text, tokenize, decode, run, tmp_path):
    text = unicodedata.normalize("NFC", text[:100_000])
    theirs = vocabulary.add_specials(vocabulary.hugging_face(pre))
    path = tmp_path / "tokenizer.json"
    theirs.save(str(path))
    if merges_as == "strings":
        data = json.loads(path.read_text())
        data["model"]["merges"] = [" ".join(merge) for merge in data["model"]["merges"]]
        path.write_text(json.dumps(data))
    text += "<|endoftext|> and <|im_end|>\n"
    expected = theirs.encode(text, add_special_tokens=False).ids
    assert_same(tokenize(path, text, "--special"), expected, vocabulary.tokens)
    missing = vocabulary.missing_bytes
    assert decode(path, tokenize(path, text)) == text.encode().translate(None, delete=missing)


def test_tokenizer_path_overrides_the_models_vocabulary(trained, trained_gguf, run, tmp_path):
    tokens = trained.tokens[:-300]
    kept = set(tokens)
    merges = [merge for merge in trained.merges if merge.replace(" ", "") in kept]
    other = Vocabulary(tokens, trained.types[:-300], merges, "gpt-2")
    path = tmp_path / "tokenizer.json"
    other.hugging_face("gpt-2").save(str(path))
    text = mixed_text(5000, seed=3)
    plain, overridden = run(["tokenize", "-m", trained_gguf], stdin=text), run(
        ["tokenize", "-m", trained_gguf], stdin=text, env={"TOKENIZER_PATH": str(path)})
    assert plain.stdout != overridden.stdout
    assert [int(w) for w in overridden.stdout.split()] == other.hugging_face("gpt-2").encode(text).ids


def test_normalized_added_tokens_come_second(trained, tokenize, tmp_path):
    theirs = trained.hugging_face("gpt-2")
    theirs.add_tokens([AddedToken("ab", normalized=True), AddedToken("bc", normalized=False),
                       AddedToken("中b", normalized=True)])
    path = tmp_path / "tokenizer.json"
    theirs.save(str(path))
    text = "abc ab bc abab 中bc 中b"
    assert tokenize(path, text, "--special") == theirs.encode(text).ids


def test_gpt4_style_split_patterns(trained, tokenize, tmp_path):
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    ending = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    start = r"[^\r\n\p{L}\p{N}]?"
    pattern = (f"{start}{upper}*{lower}+{ending}|{start}{upper}+{lower}*{ending}|"
               r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    theirs = trained.hugging_face("gpt-2")
    theirs.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "removed", invert=True),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(".", "isolated"),
        byte_level(False),
    ])
    path = tmp_path / "tokenizer.json"
    theirs.save(str(path))
    text = mixed_text(100_000, seed=9)
    assert_same(tokenize(path, text), theirs.encode(text).ids, trained.tokens)


def test_output_formats(trained_gguf, tokenize, run):
    ids = tokenize(trained_gguf, "Hello, world!")
    done = run(["tokenize", "-m", trained_gguf, "--json"], stdin="Hello, world!")
    assert json.loads(done.stdout) == {"ids": ids}
    assert run(["tokenize", "-m", trained_gguf], stdin="").stdout == "\n"
    assert run(["tokenize", "-m", trained_gguf, "--json"], stdin="").stdout == '{"ids":[]}\n'
    for form in (str(ids), ",".join(map(str, ids)), "\n".join(map(str, ids))):
        assert run(["tokenize", "-m", trained_gguf, "--decode"], stdin=form).stdout == "Hello, world!"


@pytest.mark.parametrize("piece", ["a", " ", "\n", "9", "é", "!", " \n", "中"])
def test_a_megabyte_of_one_thing(trained_gguf, tokenize, decode, piece):
    data = (piece * (1_000_000 // len(piece.encode()))).encode()
    assert decode(trained_gguf, tokenize(trained_gguf, data)) == data


# --- Bad input


@pytest.mark.parametrize("ids, word", [
    ("1 x 2", "byte 2"), ("99999999", "99999999"), ("4294967295", "byte 0"), ("-1", "byte 0"),
    ("1.5", "byte 0"), ("1e3", "byte 0"), ("1" * 400, "byte 0")])
def test_bad_ids(trained_gguf, fails, ids, word):
    fails(["tokenize", "-m", trained_gguf, "--decode"], word, code=1, stdin=ids)


@pytest.mark.parametrize("args", [[], ["--decode", "--json", "-m", "x"], ["--decode", "--special", "-m", "x"],
                                  ["-m"], ["-m", "x", "--nonsense"], ["-m", "x", "y"]])
def test_wrong_command_line(fails, args):
    fails(["tokenize", *args], code=2)


def swapped(values, index, value):
    return values[:index] + [value] + values[index + 1:]


@pytest.mark.parametrize("change, words", [
    ({"pre": "no-such-thing"}, ["no-such-thing", "smollm"]),
    ({"model": "llama"}, ["llama", "gpt2"]),
    ({"merges": ["ab"]}, ["merge 0"]),
    ({"merges": ["a b c"]}, ["merge 0"]),
    ({"merges": ["a zqzqzq"]}, ["merge 0", "zqzqzq"]),
    ({"ids": {"eos": 1 << 20}}, ["eos_token_id"]),
    ({"ids": {"bos": 1 << 31}}, ["bos_token_id"]),
])
def test_bad_vocabulary(trained, fails, tmp_path, change, words):
    pre = change.pop("pre", None)
    path = trained.write(tmp_path / "vocab.gguf", pre, **change)
    fails(["tokenize", "-m", path], *words, code=1, stdin="x")


def test_vocabulary_whose_parts_do_not_fit(trained, fails, tmp_path):
    n = 0

    def refused(*words, **changes):
        nonlocal n
        n += 1
        fails(["tokenize", "-m", trained.write(tmp_path / f"{n}.gguf", **changes)], *words, code=1, stdin="x")

    refused("token_type", types=trained.types[:-1])
    refused("type 99", types=swapped(trained.types, 20, 99))
    refused("same", tokens=swapped(trained.tokens, 2000, trained.tokens[1000]))
    refused("empty", tokens=swapped(trained.tokens, 2000, ""))
    refused("tokens", tokens=None)


def test_not_a_tokenizer(fails, tmp_path):
    for name, data, words in [("a.json", b"", ["JSON"]), ("b.json", b"{\n  nonsense}", ["line 2"]),
                              ("c.json", b"[]", ["model"]), ("d.json", b"\xff\xfe\x00", ["JSON"]),
                              ("e.gguf", b"GGUF", ["e.gguf"]), ("f.gguf", b"", ["f.gguf"]),
                              ("g.json", b'{"model":{"type":"BPE"}}', ["vocab"])]:
        path = tmp_path / name
        path.write_bytes(data)
        fails(["tokenize", "-m", path], name, *words, code=1)
    fails(["tokenize", "-m", tmp_path / "absent.json"], "absent.json", code=1)
    fails(["tokenize", "-m", tmp_path], str(tmp_path), code=1)


def set_in(data, path, value):
    *parents, last = path
    for name in parents:
        data = data[name]
    data[last] = value


def split_step(pattern, behavior="Isolated"):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior}


@pytest.mark.parametrize("path, value, words", [
    (["model", "type"], "Unigram", ["Unigram"]),
    (["model", "byte_fallback"], True, ["byte_fallback"]),
    (["model", "continuing_subword_prefix"], "##", ["continuing_subword_prefix"]),
    (["model", "dropout"], 0.1, ["dropout"]),
    (["model", "unk_token"], "nowhere", ["unk_token"]),
    (["model", "merges"], {}, ["merges"]),
    (["model", "merges"], [["a"]], ["merge 0"]),
    (["model", "merges"], [["a", "ZZZZZ"]], ["merge 0", "ZZZZZ"]),
    (["model", "merges"], [[" ", "a"]], ["merge 0", "alphabet"]),
    (["model", "vocab"], {}, ["byte"]),
    (["model", "vocab", "new"], 17, ["17"]),
    (["model", "vocab", "new"], -1, ["new"]),
    (["model", "vocab", "new"], 1 << 40, ["new"]),
    (["model", "vocab", "new"], "7", ["new"]),
    (["normalizer"], {"type": "Lowercase"}, ["Lowercase"]),
    (["normalizer"], {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKC"}]}, ["NFKC"]),
    (["pre_tokenizer"], {"type": "Metaspace"}, ["Metaspace"]),
    (["pre_tokenizer"], None, ["ByteLevel"]),
    (["pre_tokenizer"], {"type": "Sequence", "pretokenizers": []}, ["ByteLevel"]),
    (["pre_tokenizer"], {"type": "Digits", "individual_digits": True}, ["ByteLevel"]),
    (["pre_tokenizer", "add_prefix_space"], True, ["add_prefix_space"]),
    (["pre_tokenizer"], split_step("(("), ["(("]),
    (["pre_tokenizer"], split_step("[a&&[b]]"), ["class"]),
    (["pre_tokenizer"], split_step("a", "MergedWithNext"), ["MergedWithNext"]),
    (["added_tokens"], 7, ["added_tokens"]),
    (["added_tokens"], [{"id": 1}], ["content"]),
    (["added_tokens"], [{"id": 5000000, "content": "<x>"}], ["<x>"]),
    (["added_tokens"], [{"id": 5000, "content": "<x>", "lstrip": True}], ["<x>", "lstrip"]),
    (["added_tokens"], [{"id": 5000, "content": "a"}], ["5000"]),
])
def test_unsupported_tokenizer_json(trained, fails, tmp_path, path, value, words):
    data = json.loads(trained.hugging_face("gpt-2").to_str())
    set_in(data, path, value)
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(data))
    fails(["tokenize", "-m", file], "tokenizer.json", *words, code=1)
