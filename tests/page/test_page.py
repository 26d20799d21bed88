# SPDX-License-Identifier: MIT
"""The page as people see it: what it says, what it does, and what it must never do.

Most tests need no model: /quote streams without one, and the page's half of the contract in
src/web/ui/README.md is checked with canned events. `visit` also fails a test for any console error, policy
violation or foreign request.
"""

import re
import time

import pytest
from playwright.sync_api import expect

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True,
         "has_touch": True}
LIGHT, DARK = "rgb(224, 229, 236)", "rgb(38, 42, 51)"
LAST_VERSE = "full of grace and truth"
STATES_NO_ERROR = "Failed to load resource"  # the browser's own line about any answer of 400 and above
HTMX_ERROR = "Response Status Error Code"
WRITING = "(document.querySelector('.markdown')?.innerText.length ?? 0) > 40"


def send(page, text):
    page.fill("#text", text)
    page.keyboard.press("Escape")  # the palette's
    page.keyboard.press("Enter")


def last_reply(page):
    return page.locator(".message.assistant:not(.pending)").last


def wait_for_end(page, seconds=60):
    expect(last_reply(page).locator(".meta")).to_have_count(1, timeout=seconds * 1000)
    expect(page.locator("#action .send")).to_be_visible()


def until(page, expression, seconds=30):
    """Until the JavaScript expression is true. (wait_for_function needs eval, which the policy forbids.)"""
    give_up = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < give_up, f"still false after {seconds} s: {expression}"
        page.wait_for_timeout(50)


def colour(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


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
    expect(reply.locator(".progress")).to_have_count(0)
    expect(page.locator(".message.pending")).to_have_count(0)
    expect(page.locator(".greeting")).to_be_hidden()


def test_quote_shows_nothing_twice_after_a_reload(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
    page.wait_for_timeout(400)
    page.reload()
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
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
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
    page.click("#action .stop")
    wait_for_end(page, 5)
    expect(last_reply(page).locator(".meta")).to_contain_text("Stopped")
    assert LAST_VERSE not in last_reply(page).inner_text()


def test_escape_stops_too(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
    page.keyboard.press("Escape")
    expect(last_reply(page).locator(".meta")).to_contain_text("Stopped")


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
    send(page, "/help")
    wait_for_end(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("[aria-label='New chat']")
    expect(page.locator(".message")).to_have_count(0)
    expect(page.locator(".greeting")).to_be_visible()
    send(page, "/help")
    wait_for_end(page)
    send(page, "/clear")
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator(".message")).to_have_count(0)


def test_clear_while_a_reply_is_written(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    expect(page.locator("#action .stop")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("[aria-label='New chat']")
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator("#action .send")).to_be_visible()
    send(page, "/help")
    wait_for_end(page)


def test_suggestions_send(stub, visit):
    page = visit(stub)
    page.get_by_role("button", name="List the commands").click()
    wait_for_end(page)
    expect(last_reply(page)).to_contain_text("/quote")


def test_palette(stub, visit):
    page = visit(stub)
    palette = page.locator("#palette")
    expect(palette).to_be_hidden()
    page.fill("#text", "/")
    expect(palette).to_be_visible()
    everything = page.locator("#palette li:visible").count()
    assert everything >= 3
    page.fill("#text", "/q")
    expect(page.locator("#palette li:visible")).to_have_count(1)
    page.keyboard.press("Tab")
    assert page.input_value("#text").strip() == "/quote"
    expect(palette).to_be_hidden()
    page.fill("#text", "/")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#palette [aria-selected=true]")
    expect(chosen).to_have_count(1)
    assert page.get_attribute("#text", "aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.fill("#text", "/hel")
    page.keyboard.press("Enter")
    wait_for_end(page)
    expect(page.locator(".message.user")).to_have_text("/help")


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
    page.wait_for_timeout(100)
    assert page.evaluate(from_end) < 40
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
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
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


def test_theme_is_remembered(stub, visit):
    page = visit(stub, color_scheme="light", reduced_motion="reduce")
    page.click("#theme")
    page.wait_for_timeout(50)
    assert colour(page) == DARK
    page.reload()
    assert colour(page) == DARK
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.click("#theme")
    page.wait_for_timeout(50)
    assert colour(page) == LIGHT


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
    expect(page.locator("#theme")).to_be_hidden()
    page.fill("#text", "/quote")
    page.click("#action .send")
    expect(page.locator(".message.user")).to_have_text("/quote")
    expect(last_reply(page).locator(".markdown")).to_contain_text(LAST_VERSE, timeout=60000)
    wait_for_end(page)
    page.click("[aria-label='New chat']")
    expect(page.locator(".greeting")).to_be_visible()


def test_stop_without_scripts(stub, visit):
    page = visit(stub, java_script_enabled=False)
    page.fill("#text", "/quote")
    page.click("#action .send")
    page.click("#action .stop")
    expect(last_reply(page).locator(".meta")).to_contain_text("Stopped")


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
    assert len(linked) == 6, linked
    for path in linked:
        code, headers, _ = stub.get(path[1:])
        assert code == 200 and headers["ETag"], path
        assert stub.get(path[1:], **{"If-None-Match": headers["ETag"]})[0] == 304
    total = len(body) + sum(len(stub.get(path[1:])[2]) for path in linked)
    assert total < 250_000


def test_own_script_is_small(stub):
    assert len(stub.get("static/app.js")[2]) + len(stub.get("static/theme.js")[2]) < 15_000


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

    page.route("**/chat/replies/*/events", fulfil)


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


# Accessibility


@pytest.fixture(scope="session")
def axe(request):
    path = request.config.rootpath / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("no node_modules/axe-core; ./run.sh --setup fetches it")
    return path.read_text(encoding="utf-8")


def violations(page, axe):
    page.evaluate(axe)
    page.wait_for_timeout(400)  # colours may be in transition
    return page.evaluate("""async () => (await axe.run(document)).violations.map(
        (rule) => [rule.id, ...rule.nodes.map((node) => node.html.slice(0, 120))])""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_accessibility(stub, visit, axe, scheme, size):
    page = visit(stub, color_scheme=scheme, **size)
    page.forgive(STATES_NO_ERROR)
    page.forgive(HTMX_ERROR)
    assert violations(page, axe) == []
    page.fill("#text", "/")
    assert violations(page, axe) == []
    page.fill("#text", "/quote")
    page.click("#action .send")
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
    assert violations(page, axe) == []
    wait_for_end(page)
    page.fill("#text", "refused without a model")
    page.click("#action .send")
    expect(page.locator("#notice p")).to_have_count(1)
    assert violations(page, axe) == []
    page.goto(stub.url + "no/such/page")
    assert violations(page, axe) == []


# With the real model


def test_the_model_answers(live, visit):
    page = visit(live)
    expect(page.locator("#model")).to_have_attribute("data-state", "ready")
    expect(page.locator(".stub")).to_have_count(0)
    send(page, "What is the capital of France?")
    expect(page.locator(".message.user")).to_have_text("What is the capital of France?")
    wait_for_end(page, 120)
    expect(last_reply(page).locator(".markdown")).to_contain_text("Paris")
    expect(last_reply(page).locator(".meta")).to_contain_text("tokens/s")
    page.reload()
    expect(last_reply(page).locator(".markdown")).to_contain_text("Paris")


def test_the_model_stops_and_goes_on(live, visit):
    page = visit(live)
    send(page, "Write a very long story about a lighthouse, in twenty chapters.")
    until(page, WRITING)
    page.click("#action .stop")
    wait_for_end(page, 10)
    expect(last_reply(page).locator(".meta")).to_contain_text("Stopped")
    text = last_reply(page).locator(".markdown").inner_text()
    page.wait_for_timeout(1000)
    assert last_reply(page).locator(".markdown").inner_text() == text
    send(page, "What is the capital of France? Answer in one sentence.")
    wait_for_end(page, 120)
    expect(page.locator(".message.assistant")).to_have_count(2)


def test_a_reply_outlives_its_page(live, visit):
    page = visit(live)
    send(page, "Write a long story about a lighthouse.")
    until(page, WRITING)
    prefix = last_reply(page).locator(".markdown").inner_text()[:30]
    page.goto("about:blank")
    page.wait_for_timeout(1000)
    page.goto(live.url)
    expect(last_reply(page).locator(".markdown")).to_contain_text(prefix)
    assert len(last_reply(page).locator(".markdown").inner_text()) > 40
    if page.locator("#action .stop").count():
        page.click("#action .stop")
    wait_for_end(page, 30)


def test_hostile_text_to_the_model(live, visit):
    page = visit(live)
    send(page, 'Repeat exactly: <script>window.hacked = 1</script> <img src="x" onerror="window.hacked = 1">')
    until(page, f"{WRITING} || document.querySelector('.meta')")
    if page.locator("#action .stop").count():
        page.click("#action .stop")
    wait_for_end(page, 120)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#messages :is(script, img)").count() == 0


def test_two_browsers_do_not_see_each_other(live, visit):
    first, second = visit(live), visit(live)
    send(first, "/help")
    wait_for_end(first)
    second.reload()
    expect(second.locator(".message")).to_have_count(0)


def test_two_pages_of_one_browser_follow_one_reply(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    expect(last_reply(page).locator(".markdown")).to_contain_text("In the beginning")
    other = page.context.new_page()
    other.goto(stub.url)
    wait_for_end(page)
    wait_for_end(other)
    assert last_reply(other).inner_text() == last_reply(page).inner_text()


def test_many_messages_at_once_do_not_mix(stub, visit):
    pages = [visit(stub) for _ in range(3)]
    for page in pages:
        send(page, "/quote")
    for page in pages:
        wait_for_end(page)
        assert last_reply(page).locator(".markdown").inner_text().count(LAST_VERSE) == 1
