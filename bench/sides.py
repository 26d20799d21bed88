# SPDX-License-Identifier: MIT
"""The programs that bench/compare runs: notso, and llama.cpp in the builds of its peers.

Each side offers the same measurements of one model:

    with side.speed(row) as measure: measure()   tokens a second, once for each call
    side.first_token(n_prompt, n_ctx)            seconds from the start of a process to its first token
    side.peak_memory(n_ctx)                      bytes the whole process had resident at most, with a context
                                                 filled to n_ctx
    side.tokenize(file)                          seconds, and how many tokens

A measurement that keeps a process and its context between calls (speed) lets two sides take turns without
computing a deep context again each time. Nothing here decides what is compared; that is bench/compare.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
FOLDER = ROOT / "build" / "compare"
PROMPT = "Write one sentence about the sea."
WORD = " sea"


class Failure(Exception):
    """What went wrong, in one line."""


def last_line(text):
    """The last one that speaks of an error, or else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ([line for line in lines if "Error: " in line] or lines or ["it said nothing"])[-1]


class Process:
    """A program that answers each line with one line of JSON. It ends with the `with` block."""

    def __init__(self, command, who):
        self.who = who
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = self.process.wait()
            self.errors.seek(0)
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise Failure(f"{self.who} ended with {how}: {last_line(self.errors.read())}")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def output_of(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failure(f"{pathlib.Path(command[0]).name}: {last_line(done.stderr)}")
    return done


class Notso:
    name = "notso"

    def __init__(self, binary, model, threads, isa):
        self.model = model
        self.options = ["-m", str(model), "-t", str(threads)]
        if isa != "native":
            self.options += ["--cpu", isa]
        self.binary = str(binary)

    def bench(self, *args):
        return [self.binary, "bench", *self.options, "-o", "json", *map(str, args)]

    def about(self):
        return {"version": output_of([self.binary, "--version"]).stdout.strip()}

    def facts(self):
        """How many ids the vocabulary has, and how long a context the model was made for."""
        keys = json.loads(output_of([self.binary, "inspect", str(self.model), "--json"]).stdout)["keys"]
        n_ctx = next(v["value"] for k, v in keys.items() if k.endswith(".context_length"))
        return {"vocabulary": keys["tokenizer.ggml.tokens"]["count"], "n_ctx": n_ctx}

    def roofs(self, rows):
        """{(test, depth, batch): tokens a second}, and what was measured of the machine."""
        def numbers(values):
            return ",".join(map(str, sorted(set(values))))

        command = self.bench("--roof", "-p", 512, "-n", 64, "-d", numbers([0] + [r.depth for r in rows]),
                             "-b", numbers([1] + [r.batch for r in rows]))
        found = [json.loads(line) for line in output_of(command).stdout.splitlines()]
        passes = {("prefill" if r["roof"].startswith("pp") else "decode", r["depth"], r["batch"]):
                  r["tokens_per_second"] for r in found if "depth" in r}
        return passes, [r for r in found if "depth" not in r]

    @contextlib.contextmanager
    def speed(self, row):
        sizes = ["-p", row.n, "-n", 0] if row.kind == "prefill" else ["-p", 0, "-n", row.n]
        command = self.bench(*sizes, "-d", row.depth, "-b", row.batch, "-r", 100, "--step")
        with Process(command, self.name) as process:
            yield lambda: process.ask("")["tokens_per_second"]

    def run(self, n_ctx, *prompt):
        return [self.binary, "run", *self.options, "-n", "1", "--temp", "0", "--ctx", str(n_ctx), "--stats",
                *(prompt or ("-p", PROMPT))]

    def prompt_length(self, n_ctx, *prompt):
        return int(output_of(self.run(n_ctx, *prompt)).stderr.split("prompt: ")[1].split()[0])

    def first_token(self, _, n_ctx):
        start = time.perf_counter()
        process = subprocess.Popen(self.run(n_ctx), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(1)  # text of the token, or the newline at the end where it has none
        seconds = time.perf_counter() - start
        _, errors = process.communicate()
        if process.returncode != 0:
            raise Failure(f"notso run: {last_line(errors.decode())}")
        return seconds

    def filling_prompt(self, n_ctx):
        """A text that makes, in the model's template, a prompt that all but fills the context."""
        # 8 and 40 words tell what a word adds.
        few, many = (self.prompt_length(n_ctx, "-p", WORD * n) for n in (8, 40))
        return WORD * (8 + (n_ctx - 1 - few) * 32 // (many - few))

    def peak_memory(self, n_ctx):
        """Of a process that does what llama.cpp's does: vocabulary, context, a prompt that fills it."""
        with tempfile.NamedTemporaryFile("w") as prompt, tempfile.TemporaryFile("w+") as errors:
            prompt.write(self.filling_prompt(n_ctx))
            prompt.flush()
            command = self.run(n_ctx, "--file", prompt.name)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            if process.returncode != 0:
                raise Failure(f"notso run: {last_line(errors.read())}")
        return usage.ru_maxrss * 1024

    def tokenize(self, file):
        """The whole command, less the same command without text: reading the vocabulary is not tokenising."""
        command, seconds = [self.binary, "tokenize", "-m", str(self.model)], []
        for path in (os.devnull, file):
            with open(path, "rb") as text:
                start = time.perf_counter()
                done = subprocess.run(command, stdin=text, capture_output=True)
                seconds.append(time.perf_counter() - start)
            if done.returncode != 0:
                raise Failure(f"notso tokenize: {last_line(done.stderr.decode())}")
        return seconds[1] - seconds[0], done.stdout.count(b" ") + 1


class Peer:
    """llama.cpp behind one of the two drivers beside this file; peer.js says what they understand."""

    def __init__(self, name, command, settings, model, threads, facts):
        self.name, self.command = name, command
        self.config = {**settings, "model": str(model), "threads": threads, "vocabulary": facts["vocabulary"],
                       "context": 0, "sequences": 1}

    def start(self, **changes):
        return Process([*self.command, json.dumps({**self.config, **changes})], self.name)

    def about(self):
        with self.start() as process:
            return process.ask('["about"]')

    @contextlib.contextmanager
    def speed(self, row):
        context = (row.depth + row.n + 255) // 256 * 256
        with self.start(context=context, sequences=row.batch) as process:
            if row.depth:
                process.ask(json.dumps(["fill", row.depth]))

            def measure():
                seconds = process.ask(json.dumps([row.kind, row.n, row.depth]))["seconds"]
                return row.n * row.batch / seconds

            yield measure

    def first_token(self, n_prompt, n_ctx):
        start = time.perf_counter()
        with self.start(context=n_ctx) as process:
            process.ask(json.dumps(["first", n_prompt]))
            return time.perf_counter() - start

    def peak_memory(self, n_ctx):
        with self.start(context=n_ctx) as process:
            process.ask(json.dumps(["fill", n_ctx]))
            return process.ask('["peak"]')["bytes"]

    def tokenize(self, file):
        with self.start() as process:
            answer = process.ask(json.dumps(["tokenize", str(file)]))
            return answer["seconds"], answer["tokens"]


def install():
    """The peer's npm package, as bench/package-lock.json pins it; returns the folder of its libraries."""
    target = FOLDER / "peer"
    stamp = target / "node_modules" / ".package-lock.json"
    lock = target / "package-lock.json"
    if not (stamp.exists() and lock.exists() and lock.read_bytes() == (HERE / lock.name).read_bytes()):
        for tool in ("node", "npm"):
            if not shutil.which(tool):
                raise Failure(f"there is no {tool}; install the packages nodejs (20 or newer) and npm")
        print("compare: fetching llama.cpp", file=sys.stderr, flush=True)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, target)
        output_of(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=target)
    machine = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}.get(os.uname().machine)
    found = sorted((target / "node_modules" / "@node-llama-cpp").glob(f"{machine}/bins/**/llama-addon.node"))
    if not found:
        raise Failure(f"node-llama-cpp has no package for this machine ({os.uname().machine})")
    return found[0].parent


# Which of the package's libggml-cpu-NAME.so may be used so that both sides have the same instructions.
ISA_VARIANTS = {
    "avx2": {"haswell"},
    "avx512": {"skylakex", "cannonlake", "cascadelake", "icelake", "cooperlake", "zen4"},
}


def backends_for(isa, libraries):
    """A folder with links to the allowed ones, for llama.cpp to choose from; its own folder for "native"."""
    if isa == "native":
        return libraries
    folder = FOLDER / f"peer-{isa}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for variant in ISA_VARIANTS[isa]:
        library = libraries / f"libggml-cpu-{variant}.so"
        if library.exists():
            (folder / library.name).symlink_to(library)
    return folder


def node_peer(model, threads, isa, facts):
    libraries = install()
    settings = {"binding": str(libraries / "llama-addon.node"), "flash": "auto",
                "backends": str(backends_for(isa, libraries))}
    return Peer("node-llama-cpp", ["node", str(HERE / "peer.js")], settings, model, threads, facts)


def python_peer(python, repack, model, threads, facts):
    command = [python, str(HERE / "peer_python.py")]
    return Peer("llama-cpp-python", command, {"repack": repack}, model, threads, facts)
