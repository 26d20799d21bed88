# SPDX-License-Identifier: MIT
"""What the tests of the page share: sizes, how to send a message, how to wait."""

import json
import time

from playwright.sync_api import expect

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True,
         "has_touch": True}
LIGHT, DARK = "rgb(224, 229, 236)", "rgb(38, 42, 51)"
LAST_VERSE = "full of grace and truth"
STATES_NO_ERROR = "Failed to load resource"  # the browser's own line about any answer of 400 and above
HTMX_ERROR = "Response Status Error Code"


def send(page, text):
    page.fill("#text", text)
    page.keyboard.press("Escape")  # the palette's
    page.click("#action .send")


def last_reply(page):
    return page.locator(".message.assistant:not(.pending)").last


def wait_for_end(page, seconds=60):
    expect(last_reply(page).locator(".meta")).to_have_count(1, timeout=seconds * 1000)
    expect(page.locator("#action .send")).to_be_visible()


def ask(page, text, seconds=120):
    """Sends, and waits for the whole reply."""
    send(page, text)
    expect(page.locator(".message.user:not(.pending) .bubble").last).to_have_text(text)
    wait_for_end(page, seconds)


def quote_has_begun(page):
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")


def until(page, expression, seconds=30):
    """Until the JavaScript expression is true. (wait_for_function needs eval, which the policy forbids.)"""
    give_up = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < give_up, f"still false after {seconds} s: {expression}"
        page.wait_for_timeout(50)


def colour(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def open_drawer(page):
    if page.viewport_size["width"] < 768:
        page.click(".drawer-button")
        expect(page.locator("#sidebar")).to_be_visible()


def item(page, title):
    """A chat in the list."""
    return page.locator("#chats .item").filter(has=page.get_by_text(title, exact=True))


def open_menu(page, title):
    """Opens a chat's menu in the list and says where it is."""
    row = item(page, title)
    row.hover()
    row.locator(".item-menu > summary").click()
    expect(row.locator(".sheet")).to_be_visible()
    return row


def import_chats(page, server, chats):
    """Imports chats, {title: number of questions with answers}; one alone is shown then."""
    document = {"format": "notso-chats", "version": 1, "chats": [
        {"title": title, "messages": [
            {"role": role, "text": f"{title}: {what} {i + 1}"}
            for i in range(turns) for role, what in (("user", "question"), ("assistant", "answer"))]}
        for title, turns in chats.items()]}
    page.goto(server.url + "chats")
    page.locator(".import summary").click()
    page.set_input_files("#import-file", {"name": "chats.json", "mimeType": "application/json",
                                          "buffer": json.dumps(document).encode()})
    page.locator(".import button").click()
    page.wait_for_load_state()
    expect(page.locator(".lone")).to_have_count(0)
