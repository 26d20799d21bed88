# SPDX-License-Identifier: MIT
"""The page as people see it: what it says, what it does, and what it must never do.

Most tests need no model: /quote streams without one, and the page's half of the contract in
src/web/ui/README.md is checked with canned events. `visit` also fails a test for any console error, policy
violation or foreign request.
"""

import re

import pytest
from page_tools import (DARK, HTMX_ERROR, LAST_VERSE, LIGHT, PHONE, STATES_NO_ERROR, ask, colour, last_reply,
                        open_drawer, quote_has_begun, send, until, wait_for_end)
from playwright.sync_api import expect

# Without a model


def test_stub_page_says_what_to_do(stub, visit):
    page = visit(stub)
    notice = page.locator(".stub")
    expect(notice).to_contain_text("No model is loaded")
    expect(notice).to_contain_text("/nonexistent/model.gguf")
    expect(notice.locator(".remedy")).to_contain_text("--model")
    expect(page.locator("#model")).to_have_text("No model")
    expect(page.get_by_text("It only lacks a model")).to_be_visible()
    expect(page.get_by_text("What shall we talk about")).to_be_hidden()


def test_stub_refuses_a_message_and_keeps_the_draft(stub, visit):
    page = visit(stub)
    page.forgive(STATES_NO_ERROR)
    page.forgive(HTMX_ERROR)
    send(page, "Is anybody there?")
    expect(page.locator("#notice")).to_contain_text("model")
    expect(page.locator("#text")).to_have_value("Is anybody there?")
    expect(page.locator(".message")).to_have_count(0)


def test_quote_streams(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    reply = last_reply(page)
    lengths = []
    expect(reply.locator(".markdown")).to_contain_text("In the beginning was the Word")
    while page.locator("#action .stop").count():
        lengths.append(len(reply.locator(".markdown").inner_text()))
        page.wait_for_timeout(100)
    wait_for_end(page)
    assert len(set(lengths)) >= 3, f"the text did not grow in steps: {lengths}"
    expect(reply.locator(".markdown")).to_contain_text(LAST_VERSE)
    expect(reply.locator(".wave")).to_have_count(0)
    expect(page.locator("#pill")).to_be_hidden()
    expect(page.locator(".message.pending")).to_have_count(0)
    expect(page.locator(".greeting")).to_be_hidden()


def test_quote_shows_nothing_twice_after_a_reload(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    quote_has_begun(page)
    page.wait_for_timeout(400)
    page.reload()
    quote_has_begun(page)
    wait_for_end(page)
    text = last_reply(page).locator(".markdown").inner_text()
    assert text.count("In the beginning was the Word") == 1
    assert text.count(LAST_VERSE) == 1
    page.reload()
    expect(page.locator("#action .send")).to_be_visible()
    assert last_reply(page).locator(".markdown").inner_text() == text


def test_stop_stops(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    quote_has_begun(page)
    page.click("#action .stop")
    wait_for_end(page, 5)
    expect(last_reply(page).locator(".ending")).to_have_text("Stopped")
    assert LAST_VERSE not in last_reply(page).inner_text()


def test_escape_stops_too(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    quote_has_begun(page)
    page.keyboard.press("Escape")
    expect(last_reply(page).locator(".ending")).to_have_text("Stopped")


def test_enter_waits_while_a_reply_is_written(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    expect(page.locator("#action .stop")).to_be_visible()
    send_again = "/help"
    page.fill("#text", send_again)
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_value(send_again)
    expect(page.locator(".message.user")).to_have_count(1)


def test_clear_brings_the_greeting_back(stub, visit):
    page = visit(stub)
    ask(page, "/help")
    send(page, "/clear")
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator(".message")).to_have_count(0)
    ask(page, "/help")
    page.locator(".drop > summary").click()
    page.get_by_role("button", name="Clear the messages").click()
    expect(page.locator(".greeting")).to_be_visible()
    page.locator("#notice button", has_text="Undo").click()
    expect(page.locator(".message")).to_have_count(2)


def test_clear_while_a_reply_is_written(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    quote_has_begun(page)
    page.locator(".drop > summary").click()
    page.get_by_role("button", name="Clear the messages").click()
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator("#action .send")).to_be_visible()
    expect(page.locator("#pill")).to_be_hidden()
    ask(page, "/help")


def test_suggestions_send(stub, visit):
    page = visit(stub)
    page.get_by_role("button", name="List the commands").click()
    wait_for_end(page)
    expect(last_reply(page)).to_contain_text("/quote")


def test_palette(stub, visit):
    page = visit(stub)
    palette, options = page.locator("#palette"), page.locator("#palette [role=option]:visible")
    expect(palette).to_be_hidden()
    page.locator("#text").press("/")
    expect(palette).to_be_visible()
    expect(page.locator(".category:visible")).to_have_text(["Chat", "Model", "Utility", "Quick Actions"])
    assert options.count() >= 17
    page.keyboard.type("q")
    expect(options).to_have_count(1)
    expect(page.locator(".category:visible")).to_have_count(1)
    page.keyboard.press("Tab")
    assert page.input_value("#text").strip() == "/quote"
    expect(palette).to_be_hidden()
    page.fill("#text", "/")
    first = page.locator("#palette [aria-selected=true]")
    expect(first).to_have_count(1)
    before = first.get_attribute("id")
    page.keyboard.press("ArrowDown")
    expect(first).not_to_have_attribute("id", before)
    assert page.get_attribute("#text", "aria-activedescendant") == first.get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # from the first to the last
    expect(first).to_have_attribute("id", options.last.get_attribute("id"))
    expect(first).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.fill("#text", "/hel")
    page.keyboard.press("Enter")
    wait_for_end(page)
    expect(page.locator(".message.user .bubble")).to_have_text("/help")


def test_palette_completes_arguments(stub, visit):
    page = visit(stub, color_scheme="light", reduced_motion="reduce")
    options = page.locator("#palette [role=option]:visible")
    page.fill("#text", "/theme")
    page.keyboard.press("Enter")
    assert page.input_value("#text") == "/theme "
    assert {"light", "dark", "system"} <= {option.locator("b").inner_text() for option in options.all()}
    page.keyboard.type("da")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#text")).to_have_value("")
    page.wait_for_timeout(50)
    assert colour(page) == DARK


def test_palette_by_pointer(stub, visit):
    page = visit(stub)
    page.fill("#text", "/")
    page.locator("#palette b", has_text="/help").click()
    wait_for_end(page)
    expect(last_reply(page)).to_contain_text("/quote")


def test_a_slash_goes_to_the_input(stub, visit):
    page = visit(stub)
    page.locator("body").press("/")
    expect(page.locator("#text")).to_have_value("/")
    expect(page.locator("#palette")).to_be_visible()


def test_input_grows_and_shift_enter_breaks_the_line(stub, visit):
    page = visit(stub)
    box = page.locator("#text")
    height = box.bounding_box()["height"]
    box.focus()
    for _ in range(3):
        page.keyboard.type("line")
        page.keyboard.press("Shift+Enter")
    assert page.input_value("#text") == "line\n" * 3
    assert box.bounding_box()["height"] > height + 40
    expect(page.locator(".message")).to_have_count(0)


def test_scrolling_follows_and_lets_go(stub, visit):
    page = visit(stub, viewport={"width": 800, "height": 420})
    from_end = "(() => { const s = document.querySelector('#stream');" \
               " return s.scrollHeight - s.clientHeight - s.scrollTop; })()"
    send(page, "/quote")
    until(page, "document.querySelector('#stream').scrollHeight > 700")
    until(page, f"{from_end} < 40")
    page.hover("#stream")
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(300)
    top = page.evaluate("document.querySelector('#stream').scrollTop")
    page.wait_for_timeout(1500)
    assert page.evaluate("document.querySelector('#stream').scrollTop") == top
    page.click("#jump")
    assert page.evaluate(from_end) < 2
    expect(page.locator("#jump")).to_be_hidden()
    wait_for_end(page)
    page.wait_for_timeout(200)
    assert page.evaluate(from_end) < 2


def test_lost_connection_is_said(start, visit):
    server = start()
    page = visit(server)
    page.forgive("ERR_")
    page.forgive("[object")
    send(page, "/quote")
    quote_has_begun(page)
    server.kill()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    page.fill("#text", "draft")
    page.evaluate("document.querySelector('#composer').requestSubmit()")
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    expect(page.locator("#text")).to_have_value("draft")
    expect(page.locator(".message.pending")).to_have_count(0)


# Themes and sizes


@pytest.mark.parametrize("scheme, expected", [("light", LIGHT), ("dark", DARK)])
def test_theme_follows_the_system(stub, visit, scheme, expected):
    page = visit(stub, color_scheme=scheme)
    assert colour(page) == expected


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_theme_is_remembered(stub, visit, size):
    page = visit(stub, color_scheme="light", reduced_motion="reduce", **size)
    open_drawer(page)
    page.click(".to-dark")
    page.wait_for_timeout(50)
    assert colour(page) == DARK
    expect(page.locator(".to-light")).to_be_focused()
    page.wait_for_timeout(300)
    page.reload()
    assert colour(page) == DARK
    assert page.locator("meta[name=theme-color]").get_attribute("content") == "#262a33"
    open_drawer(page)
    page.click(".to-light")
    page.wait_for_timeout(50)
    assert colour(page) == LIGHT


def test_theme_without_scripts(stub, visit):
    page = visit(stub, color_scheme="light", java_script_enabled=False)
    page.click(".to-dark")
    assert colour(page) == DARK


@pytest.mark.parametrize("width", [320, 390, 767, 768, 1280])
def test_nothing_is_wider_than_the_window(stub, visit, width):
    page = visit(stub, viewport={"width": width, "height": 800})
    send(page, "/help " + "unbreakable" * 20)
    wait_for_end(page)
    page.evaluate("document.querySelector('.chip-text').textContent = 'A model with a long name '.repeat(9)")
    page.evaluate("document.querySelector('.who').textContent = 'A model with a long name '.repeat(9)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("(s => s.scrollWidth - s.clientWidth)(document.querySelector('#stream'))") == 0
    for element in page.locator(":is(button, .bubble, .panel, .chip, .composer):visible").all():
        box = element.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, element.evaluate("e => e.outerHTML")


def test_phone_targets_are_large_enough(stub, visit):
    page = visit(stub, **PHONE)
    send_button = page.locator("#action button")
    page.fill("#text", "/help")
    send_button.click()
    wait_for_end(page)
    for button in page.locator("button:visible, summary:visible").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44, button.evaluate("e => e.outerHTML")
    shell = page.locator(".shell").bounding_box()
    assert (shell["x"], shell["width"], shell["height"]) == (0, 390, 844)
    open_drawer(page)
    page.locator(".item-menu > summary").click()
    for target in page.locator("#sidebar :is(a, button, summary, input):visible").all():
        box = target.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44, target.evaluate("e => e.outerHTML")


def test_layout_holds_still_while_streaming(stub, visit):
    page = visit(stub)
    page.evaluate("""() => {
        window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
    }""")
    send(page, "/quote")
    wait_for_end(page)
    assert page.evaluate("window.shift") < 0.02


# Without scripts


def test_without_scripts(stub, visit):
    page = visit(stub, java_script_enabled=False)
    expect(page.locator(".stub")).to_be_visible()
    page.fill("#text", "/quote")
    page.click("#action .send")
    expect(page.locator(".message.user .bubble")).to_have_text("/quote")
    expect(last_reply(page).locator(".markdown")).to_contain_text(LAST_VERSE, timeout=60000)
    wait_for_end(page)
    page.get_by_role("link", name="New chat").first.click()
    expect(page.locator(".greeting")).to_be_visible()


def test_stop_without_scripts(stub, visit):
    page = visit(stub, java_script_enabled=False)
    page.fill("#text", "/quote")
    page.click("#action .send")
    page.click("#action .stop")
    expect(last_reply(page).locator(".ending")).to_have_text("Stopped")


def test_error_without_scripts_is_a_page(stub, visit):
    page = visit(stub, java_script_enabled=False)
    page.forgive(STATES_NO_ERROR)
    page.fill("#text", "hello")
    page.click("#action .send")
    expect(page.locator(".lone")).to_contain_text("model")
    page.get_by_text("Back to the chat").click()
    expect(page.locator("#text")).to_be_visible()


def test_unknown_page(stub, visit):
    page = visit(stub)
    page.forgive(STATES_NO_ERROR)
    page.goto(stub.url + "no/such/page")
    expect(page.locator(".lone")).to_contain_text("404")


# What the browser is told


def test_policy_and_caching(stub):
    code, headers, body = stub.get("")
    policy = headers["Content-Security-Policy"]
    assert code == 200 and "default-src 'self'" in policy and "unsafe" not in policy
    assert not re.search(rb"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|<style", body)
    linked = re.findall(r'(?:src|href)="(/static/[^"]+)"', body.decode())
    assert len(linked) == 10, linked
    for path in linked:
        code, headers, _ = stub.get(path[1:])
        assert code == 200 and headers["ETag"], path
        assert stub.get(path[1:], **{"If-None-Match": headers["ETag"]})[0] == 304
    total = len(body) + sum(len(stub.get(path[1:])[2]) for path in linked)
    assert total < 250_000


def test_own_script_is_small(stub):
    assert sum(len(stub.get(f"static/{name}.js")[2]) for name in ("app", "chat", "theme", "rich")) < 15_000


# Hostile text

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload='window.hacked = 1'></svg>",
    "[link](javascript:window.hacked=1)",
    "</textarea></template></div><iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    "{{ 7 * 7 }} {% raw %} &lt;b&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_typed_text_is_only_text(stub, visit, text):
    page = visit(stub)
    send(page, "/help " + text)
    wait_for_end(page)
    expect(page.locator(".message.user .bubble")).to_have_text("/help " + text)
    page.reload()
    expect(page.locator(".message.user .bubble")).to_have_text("/help " + text)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#messages :is(script, iframe, img)").count() == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_typed_text_in_an_error_is_only_text(stub, visit, text):
    page = visit(stub)
    page.forgive(STATES_NO_ERROR)
    page.forgive(HTMX_ERROR)
    send(page, "/nosuchcommand " + text)
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.locator(":is(#messages, #notice) :is(script, iframe, img)").count() == 0


# The page's half of the contract, with canned events

BLOCKS = '<div id="message-ID-blocks" hx-swap-oob="%s">%s</div>'


def event(number, name, data):
    return f"id: {number}\nevent: {name}\n" + "".join(f"data: {line}\n" for line in data.split("\n")) + "\n"


def answer_with(page, events):
    """Answers every reply with these (name, data) pairs; ID in the data becomes the message's id."""

    def fulfil(route):
        message = re.search(r"/replies/(\w+)/", route.request.url).group(1)
        body = [event(i, name, data.replace("ID", message)) for i, (name, data) in enumerate(events)]
        route.fulfill(status=200, content_type="text/event-stream", body="".join(body))

    page.route("**/replies/*/events", fulfil)


def test_thinking_is_folded(stub, visit):
    page = visit(stub)
    answer_with(page, [
        ("status", "<span>Thinking</span>"),
        ("thinking", '<div id="message-ID-thinking" hx-swap-oob="innerHTML">First line.\n  Second</div>'),
        ("thinking", " line &lt;b&gt;not bold&lt;/b&gt;."),
        ("text", BLOCKS % ("innerHTML", "<p>Done <strong>well</strong>.</p>") + "<p>And"),
        ("text", BLOCKS % ("beforeend", "<p>And more.</p>")),
        ("footer", '<div class="meta">7 tokens</div>'
                   '<p id="message-ID-note" hx-swap-oob="innerHTML">A note.</p>'),
        ("complete", ""),
    ])
    send(page, "/quote")
    expect(last_reply(page).locator(".meta")).to_have_text("7 tokens")
    thoughts = last_reply(page).locator(".thoughts")
    expect(thoughts).to_be_hidden()
    last_reply(page).locator("summary").click()
    expect(thoughts).to_be_visible()
    assert thoughts.inner_text() == "First line.\n  Second line <b>not bold</b>."
    assert last_reply(page).locator(".markdown").inner_text() == "Done well.\n\nAnd more."
    expect(last_reply(page).locator(".remark")).to_have_text("A note.")


def test_no_thoughts_no_fold(stub, visit):
    page = visit(stub)
    send(page, "/help")
    wait_for_end(page)
    expect(last_reply(page).locator(".thinking")).to_be_hidden()


def test_code_can_be_copied(stub, visit):
    page = visit(stub, permissions=["clipboard-read", "clipboard-write"])
    answer_with(page, [
        ("text", BLOCKS % ("innerHTML", "<pre><code>int x;\nint y;\n</code></pre>")),
        ("footer", '<div class="meta"></div>'),
        ("complete", ""),
    ])
    send(page, "/quote")
    block = last_reply(page).locator(".code")
    block.hover()
    block.get_by_role("button").click()
    expect(block.locator(".copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == "int x;\nint y;"


def test_thinking_switch(stub, visit):
    page = visit(stub)
    switch = page.locator("#thinking-button")
    if switch.is_hidden():
        pytest.skip("this server has no switch for thinking")
    before = switch.get_attribute("aria-pressed")
    switch.click()
    expect(switch).not_to_have_attribute("aria-pressed", before)
    page.reload()
    expect(switch).not_to_have_attribute("aria-pressed", before)
