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
from page_tools import ask, import_chats, open_drawer, send, until

MAX_BYTES = 200_000
DESKTOP = {"viewport": {"width": 1200, "height": 760}}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5, "is_mobile": True,
         "has_touch": True}
CHATS = {"Green tea, three ways": 2, "A week in Lisbon": 3, "Names for a sailing boat": 1,
         "What a mutex is for": 2, "Letter to the landlord": 1, "Pasta for six": 2}
QUESTIONS = ["What is the capital of France?",
             "Write a Python function that adds two numbers."]


class Camera:
    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder
        self.too_large = []

    def open(self, server, scheme, size, cookies=(), path=""):
        context = self.browser.new_context(color_scheme=scheme, reduced_motion="reduce", **size)
        context.set_default_timeout(120_000)
        context.add_cookies(list(cookies))
        page = context.new_page()
        page.goto(server.url + path)
        return page

    def take(self, page, name):
        page.wait_for_timeout(600)
        path = self.folder / f"{name}.png"
        page.screenshot(path=path)
        size = path.stat().st_size
        print(f"{size:8} {path}")
        if size > MAX_BYTES:
            self.too_large.append(name)


def take_stub(camera, server):
    for scheme in "light", "dark":
        camera.take(camera.open(server, scheme, DESKTOP), f"no-model-{scheme}")


def take_chat(camera, server):
    page = camera.open(server, "light", DESKTOP)
    import_chats(page, server, CHATS)
    page.goto(server.url)
    camera.take(page, "empty-light")
    for question in QUESTIONS:
        ask(page, question)
    until(page, "document.querySelector('#follow-ups button') !== null", 60)
    page.hover("#text")
    cookies, path = page.context.cookies(), page.url.removeprefix(server.url)
    camera.take(page, "chat-light")
    camera.take(camera.open(server, "dark", DESKTOP, cookies, path), "chat-dark")
    for scheme in "light", "dark":
        phone = camera.open(server, scheme, PHONE, cookies, path)
        camera.take(phone, f"phone-{scheme}")
        open_drawer(phone)
        camera.take(phone, f"phone-chats-{scheme}")
    page.fill("#text", "/")
    camera.take(page, "commands-light")
    page.fill("#text", "")
    dark = camera.open(server, "dark", DESKTOP, cookies, path)
    dark.fill("#search", "tea")
    dark.wait_for_selector("#chats mark")
    camera.take(dark, "search-dark")
    camera.take(camera.open(server, "light", DESKTOP, cookies, "settings"), "settings-light")
    send(page, "Tell me a long story about a lighthouse keeper.")
    page.wait_for_selector(".message:last-child .markdown p")
    page.click("#pill summary")
    page.wait_for_timeout(1500)
    camera.take(page, "streaming-light")
    page.click("#action .stop")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "doc" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        camera = Camera(browser, folder)
        for model, take in ((ABSENT_MODEL, take_stub), (MODEL, take_chat)):
            with tempfile.TemporaryDirectory() as data:
                server = Server(data, model)
                try:
                    take(camera, server)
                finally:
                    server.stop()
    if camera.too_large:
        sys.exit(f"more than {MAX_BYTES} bytes: {', '.join(camera.too_large)}")


if __name__ == "__main__":
    main()
