#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the pictures in doc/screenshots, of the real server with the real model.

    .venv/bin/python tests/page/screenshots.py [FOLDER]

Each picture is the page in one state, light or dark, on a desktop or a phone. Prints each size and name; more
than 200 kB is an error, because the README shows them.
"""

import pathlib
import sys
import tempfile

from conftest import ABSENT_MODEL, MODEL, ROOT, Server, open_browser

MAX_BYTES = 200_000
DESKTOP = {"viewport": {"width": 1200, "height": 920}}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5, "is_mobile": True,
         "has_touch": True}
QUESTIONS = ["What is the capital of France?",
             "Write a Python function that adds two numbers."]


class Camera:
    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder
        self.too_large = []

    def open(self, server, scheme, size, cookies=()):
        context = self.browser.new_context(color_scheme=scheme, reduced_motion="reduce", **size)
        context.set_default_timeout(120_000)
        context.add_cookies(list(cookies))
        page = context.new_page()
        page.goto(server.url)
        return page

    def take(self, page, name):
        page.wait_for_timeout(400)
        path = self.folder / f"{name}.png"
        page.screenshot(path=path)
        size = path.stat().st_size
        print(f"{size:8} {path}")
        if size > MAX_BYTES:
            self.too_large.append(name)


def send(page, text):
    page.fill("#text", text)
    page.click("#action .send")
    page.wait_for_selector("#action .stop")


def take_stub(camera, server):
    for scheme in "light", "dark":
        camera.take(camera.open(server, scheme, DESKTOP), f"no-model-{scheme}")
    page = camera.open(server, "light", DESKTOP)
    page.fill("#text", "/")
    camera.take(page, "commands-light")


def take_chat(camera, server):
    page = camera.open(server, "light", DESKTOP)
    camera.take(page, "empty-light")
    for question in QUESTIONS:
        send(page, question)
        page.wait_for_selector("#action .send")
    page.hover("#text")
    camera.take(page, "chat-light")
    cookies = page.context.cookies()
    camera.take(camera.open(server, "dark", DESKTOP, cookies), "chat-dark")
    for scheme in "light", "dark":
        camera.take(camera.open(server, scheme, PHONE, cookies), f"phone-{scheme}")
    send(page, "Tell me a long story about a lighthouse keeper.")
    page.wait_for_selector(".message:last-child .markdown p")
    page.wait_for_timeout(1500)
    camera.take(page, "streaming-light")
    page.click("#action .stop")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "doc" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser, tempfile.TemporaryDirectory() as data:
        camera = Camera(browser, folder)
        for model, take in ((ABSENT_MODEL, take_stub), (MODEL, take_chat)):
            server = Server(data, model)
            try:
                take(camera, server)
            finally:
                server.stop()
    if camera.too_large:
        sys.exit(f"more than {MAX_BYTES} bytes: {', '.join(camera.too_large)}")


if __name__ == "__main__":
    main()
