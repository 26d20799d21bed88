# SPDX-License-Identifier: MIT
"""Less than the program would like: processors, memory, locked memory, contexts and shapes at the edge.

Limits are set on the child with setrlimit and sched_setaffinity. None of them may end in a crash or a hang:
either the program does its work, or one line says why not.
"""

import ctypes
import json
import os
import re
import resource
import subprocess
import time

import gguf
import numpy
import pytest

from serving import Browser, Server

LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


@pytest.fixture(scope="module")
def tiny(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("limits") / "tiny.gguf"
    assert run(["synth", "--shape", "smollm3-tiny", path]).returncode == 0
    return path


def call(notso, args, limit=None, timeout=120):
    """`limit` runs in the child before the program does."""
    return subprocess.run([notso, *map(str, args)], capture_output=True, text=True, timeout=timeout,
                          preexec_fn=limit)


def on_one_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def rates(notso, model, threads, limit=None):
    args = ["bench", "-m", model, "-t", threads, "-p", 64, "-n", 16, "-r", 1, "-o", "json"]
    done = call(notso, args, limit)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["tokens_per_second"] for line in done.stdout.splitlines()], done.stderr


def test_no_more_threads_than_processors(notso, tiny):
    _, said = rates(notso, tiny, 8, on_one_processor)
    assert "8 compute threads asked for, but only 1 can run at once" in said
    _, said = rates(notso, tiny, 1, on_one_processor)
    assert said == ""


@pytest.mark.parametrize("limit", [None, on_one_processor])
def test_too_many_threads_cost_little(notso, model, limit):
    """Best of some short runs, by turns: the machine may be busy. Waiting for threads that have no processor
    would make it tens of times slower."""
    best = {threads: [0, 0] for threads in (0, 8, 64)}
    for _ in range(3):
        for threads in best:
            now, _ = rates(notso, model, threads, limit)
            best[threads] = [max(pair) for pair in zip(best[threads], now)]
    for threads in (8, 64):
        for own, many in zip(best[0], best[threads]):
            assert many > 0.5 * own, best


def test_the_reply_does_not_depend_on_the_threads(run, tiny):
    args = ["run", "-m", tiny, "-p", "Hi", "-n", 12, "--temp", 0]
    replies = {run([*args, "-t", threads]).stdout for threads in (1, 2, 64)}
    assert len(replies) == 1


def test_any_address_space_limit_is_survived(notso, tiny):
    if b"__asan_init" in notso.read_bytes():
        pytest.skip("the address sanitiser needs more address space than there is memory")
    codes = set()
    for mib in range(32, 160, 4):
        size = mib << 20
        done = call(notso, ["run", "-m", tiny, "-p", "Hi", "-n", 2, "--temp", 0],
                    lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)))
        codes.add(done.returncode)
        errors = [line for line in done.stderr.splitlines() if line.startswith("notso run: ")]
        assert (done.returncode, len(errors)) in {(0, 0), (1, 1)}, (mib, done)
    assert codes == {0, 1}


@pytest.mark.parametrize("args, advice", [
    (["run", "-p", "Hi", "-n", 1, "--ctx", 1 << 30], "use a smaller context (--ctx)"),
    (["bench", "-p", 0, "-n", 1, "-d", 1 << 20, "-b", 256],
     "use a smaller context or fewer slots (--depth, --batch, --prompt-tokens, --gen-tokens)"),
])
def test_a_context_larger_than_memory_is_refused(fails, tiny, args, advice):
    line = fails([args[0], "-m", tiny, *args[1:]], "memory are free", code=1)
    assert line.endswith(advice)


def test_a_server_whose_context_is_too_large_says_so_once(notso, tiny, tmp_path):
    """In its log and on the page, in the same words."""
    with Server(notso, tmp_path, "-m", tiny, "--ctx", 1 << 30, "--slots", 2) as server:
        advice, deadline = "use a smaller context or fewer slots (--ctx, --slots)", time.monotonic() + 20
        while "no model" not in server.read_log() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.read_log().count(advice) == 1
        assert advice in Browser(server).get("/").text


def test_a_refused_context_costs_no_weights(notso, model):
    """Where the weights find no room, a context that is too large for all memory is still what is refused: it
    is looked at first."""
    if b"__asan_init" in notso.read_bytes():
        pytest.skip("the address sanitiser needs more memory than the limit")
    size = model.stat().st_size // 2

    def refusal(*context):
        done = call(notso, ["bench", "-m", model, "-t", 1, "-p", 0, "-n", 1, *context],
                    lambda: resource.setrlimit(resource.RLIMIT_DATA, (size, size)))
        assert done.returncode == 1
        return done.stderr

    assert "out of memory while preparing the weights" in refusal()
    assert "memory are free" in refusal("-d", 1 << 20, "-b", 256)


def limit_locked_memory(size):
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (size, size))
    LIBC.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)  # for root; others have no such capability


def test_locking_refused_is_one_warning(notso, tiny):
    args = ["run", "-m", tiny, "-p", "Hi", "-n", 4, "--temp", 0]
    plain = call(notso, args)
    refused = call(notso, [*args, "--mlock"], lambda: limit_locked_memory(8192))
    assert (refused.returncode, refused.stdout) == (0, plain.stdout)
    more = [line for line in refused.stderr.splitlines() if line.split(" ", 1)[-1] not in plain.stderr]
    assert len(more) == 1 and "cannot lock" in more[0] and "ulimit -l" in more[0], refused.stderr


def may_lock(size):
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    return os.geteuid() == 0 or limit == resource.RLIM_INFINITY or limit >= size


def wait_for_model(server):
    """The model is loaded in the background. Bytes locked then."""
    deadline = time.monotonic() + 20
    while not re.search("model .* ready", server.read_log()) and time.monotonic() < deadline:
        time.sleep(0.05)
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmLck:\s*(\d+) kB", status.read())[1]) << 10


def test_weights_are_locked_as_far_as_the_system_allows(notso, tiny, tmp_path):
    size = tiny.stat().st_size
    if not may_lock(2 * size):
        pytest.skip("this account may not lock memory")
    with Server(notso, tmp_path, "-m", tiny, "--mlock") as server:
        locked = wait_for_model(server)
        assert locked >= 0.9 * size, server.read_log()
        assert "locked in memory" not in server.read_log()

    # Without room for all of the embedding, which comes last.
    with Server(notso, tmp_path, "-m", tiny, "--mlock",
                limit=lambda: limit_locked_memory(locked - 65536)) as server:
        less = wait_for_model(server)
        assert 0.5 * locked < less < locked
        said = re.search(r"of the weights, (\d+) of (\d+) MiB are locked in memory", server.read_log())
        assert said, server.read_log()
        assert abs(int(said[1]) - less / 2**20) <= 1 and abs(int(said[2]) - locked / 2**20) <= 1


def write_shape(path, head_dim, n_head, n_head_kv, n_embd, n_ff, n_vocab, kind):
    """A llama model with random weights whose rows come in blocks of 32 where their length allows."""
    random = numpy.random.default_rng(head_dim)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(256)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_head_kv)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)

    def add(name, rows, cols):
        weights = random.standard_normal((rows, cols), dtype=numpy.float32) / numpy.float32(cols) ** 0.5
        own = kind if cols % 32 == 0 else gguf.GGMLQuantizationType.F16
        writer.add_tensor(f"{name}.weight", gguf.quantize(weights, own), raw_dtype=own)

    def add_norm(name, size):
        writer.add_tensor(f"{name}.weight", numpy.ones(size, dtype=numpy.float32))

    add("token_embd", n_vocab, n_embd)
    add_norm("output_norm", n_embd)
    for il in range(2):
        for name in ("attn_norm", "ffn_norm"):
            add_norm(f"blk.{il}.{name}", n_embd)
        for name, rows, cols in (
            ("attn_q", n_head * head_dim, n_embd), ("attn_k", n_head_kv * head_dim, n_embd),
            ("attn_v", n_head_kv * head_dim, n_embd), ("attn_output", n_embd, n_head * head_dim),
            ("ffn_gate", n_ff, n_embd), ("ffn_up", n_ff, n_embd), ("ffn_down", n_embd, n_ff),
        ):
            add(f"blk.{il}.{name}", rows, cols)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "F16"])
@pytest.mark.parametrize("head_dim, n_head, n_head_kv, n_embd, n_ff, n_vocab", [
    (64, 3, 1, 96, 160, 509),  # rows that fill no whole strip or panel
    (80, 3, 3, 32, 96, 17),  # 240 columns: no whole blocks
    (96, 5, 1, 160, 32, 33),
    (128, 2, 2, 224, 352, 131),
    (8, 7, 7, 64, 64, 1),
])
def test_odd_shapes(run, tmp_path, kind, head_dim, n_head, n_head_kv, n_embd, n_ff, n_vocab):
    """Every tier gives what the plain one gives, in long and short passes. The plain one is checked against
    other programs elsewhere."""
    path, out = tmp_path / "m.gguf", tmp_path / "m.npy"
    write_shape(path, head_dim, n_head, n_head_kv, n_embd, n_ff, n_vocab, gguf.GGMLQuantizationType[kind])
    for length in (1, 19, 70):
        ids = " ".join(str(i * 7 % n_vocab) for i in range(length))
        logits = {}
        for tier in ("reference", "avx2", "avx512", "amx"):
            done = run(["logits", "-m", path, "--ids", ids, "-o", out, "--cpu", tier, "-t", 2])
            assert done.returncode == 0, done.stderr
            logits[tier] = numpy.load(out)
            assert logits[tier].shape == (length, n_vocab) and numpy.isfinite(logits[tier]).all()
            scale = max(1.0, numpy.abs(logits["reference"]).max())
            limit = 0.05 if tier == "amx" else 0.01  # the amx tier reads prompts in BF16
            assert numpy.abs(logits[tier] - logits["reference"]).max() < limit * scale, tier


@pytest.mark.parametrize("args", [["bench"], ["logits", "--ids", "1", "-o", "/dev/null"]])
def test_heads_that_no_block_of_the_cache_divides_are_refused(fails, tmp_path, args):
    path = tmp_path / "m.gguf"
    write_shape(path, 80, 3, 3, 32, 96, 17, gguf.GGMLQuantizationType.Q8_0)
    fails([args[0], "-m", path, *args[1:], "--kv-type", "q8_0"], "heads have 80; use f16 (--kv-type)", code=1)
