# SPDX-License-Identifier: MIT
"""Fixtures for the tests that look at the page: the real server, in Debian's Chromium, driven by Playwright.

    model       the default model: $NOTSO_MODEL, or models/SmolLM2-135M-Instruct.Q4_1.gguf
    stub        a Server without a model, shared by the session
    live        a Server with the default model, shared by the session; skips the test where there is none
    visit       visit(server, **options of a browser context) -> a page, open on the chat

Every page that `visit` opens is watched: at the end of the test it must have written no error on its console
(where violations of the content security policy appear), thrown nothing and asked no other host for anything.
A test that provokes an error says so with page.forgive("part of its text").

Needs $NOTSO or build/release/notso, and chromium in the PATH or in $CHROMIUM.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTSO = pathlib.Path(os.environ.get("NOTSO") or ROOT / "build" / "release" / "notso")
MODEL = pathlib.Path(os.environ.get("NOTSO_MODEL") or ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf")
ABSENT_MODEL = "/nonexistent/model.gguf"
# With the persona of its own chat template SmolLM2-135M is undecided between an English and a French answer
# about France (a tie within the rounding of 8-bit arithmetic, in llama.cpp too); with this one it is sure.
OPTIONS = ["--system", "You are a helpful assistant.", "--temp", "0"]
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`notso serve` on a free port, its chats below `folder`, until stop()."""

    def __init__(self, folder, model, port=None):
        assert os.access(NOTSO, os.X_OK), f"{NOTSO} is missing: run ./run.sh --setup, or set NOTSO"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log_path = pathlib.Path(folder) / f"server-{self.port}.log"
        environment = {k: v for k, v in os.environ.items()
                       if k not in {"MODEL_PATH", "TOKENIZER_PATH", "PORT", "LOG_LEVEL"}}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [NOTSO, "serve", "--port", str(self.port), "--model", model, "--data", folder, *OPTIONS],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.wait_for(b'"no_model"' if model == ABSENT_MODEL else b'"ok"')

    def wait_for(self, state):
        """Until /health reports the state."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            assert self.process.poll() is None, f"the server ended:\n{self.log_path.read_text()}"
            with contextlib.suppress(OSError):
                if state in self.get("health")[2]:
                    return
            time.sleep(0.05)
        self.stop()
        pytest.fail(f"no {state} from /health in {START_SECONDS} s:\n{self.log_path.read_text()}")

    def get(self, path, **headers):
        """(code, headers, body)"""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Asks the server to end, which it must do soon and cleanly. The log says what a sanitizer found."""
        if self.process.poll() == -signal.SIGKILL:
            return
        self.process.terminate()
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
            code = "none after 20 s"
        assert code == 0, f"exit code {code}:\n{self.log_path.read_text()}"


class Watch:
    """What a page did wrong."""

    def __init__(self, page, server):
        self.origin = server.url
        self.faults, self.forgiven = [], []
        page.on("console", self.on_console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("request", self.on_request)

    def on_console(self, message):
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text}")

    def on_request(self, request):
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.faults.append(f"foreign request: {request.url}")

    def unforgiven(self):
        return [fault for fault in self.faults if not any(part in fault for part in self.forgiven)]


def chromium_path():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "chromium is missing: install it, or set CHROMIUM"
    return path


@contextlib.contextmanager
def open_browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def model():
    if not MODEL.is_file():
        pytest.skip(f"no model at {MODEL}; ./run.sh --setup fetches it")
    return MODEL


@pytest.fixture
def start(tmp_path):
    """start(model) -> a Server of the test's own; all of a test keep their chats in the same place."""
    servers = []

    def start(model=ABSENT_MODEL, port=None):
        servers.append(Server(tmp_path, model, port))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def stub(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("stub"), ABSENT_MODEL)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def live(tmp_path_factory, model):
    server = Server(tmp_path_factory.mktemp("live"), model)
    yield server
    server.stop()


@pytest.fixture
def visit(browser):
    contexts, watches = [], []

    def visit(server, path="", **options):
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = browser.new_context(**options)
        context.set_default_timeout(15000)
        contexts.append(context)
        page = context.new_page()
        watch = Watch(page, server)
        watches.append(watch)
        page.forgive = watch.forgiven.append
        page.goto(server.url + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    faults = [fault for watch in watches for fault in watch.unforgiven()]
    assert not faults, faults
