# SPDX-License-Identifier: MIT
"""Messages, with the real model: replies, branches, what can be done with one, status, lost connections."""

import re

import pytest
from page_tools import (HTMX_ERROR, PHONE, STATES_NO_ERROR, ask, import_chats, last_reply, quote_has_begun,
                        send, until, wait_for_end)
from playwright.sync_api import expect

CAPITAL = "What is the capital of France?"
STORY = "Write a very long story about a lighthouse, in twenty chapters."
WRITING = "(document.querySelector('.message:last-child .markdown')?.innerText.length ?? 0) > 40"


def act(page, message, name):
    """Presses one of a message's buttons."""
    message.hover()
    message.get_by_role("button", name=name, exact=True).click()


def text_of(reply):
    return reply.locator(".markdown").inner_text()


def stop(page):
    page.click("#action .stop")
    wait_for_end(page, 15)


def test_the_model_answers(live, visit):
    page = visit(live)
    expect(page.locator("#model")).to_have_attribute("data-state", "ready")
    expect(page.locator(".stub")).to_have_count(0)
    expect(page.get_by_text("What shall we talk about")).to_be_visible()
    ask(page, CAPITAL)
    expect(last_reply(page).locator(".markdown")).to_contain_text("Paris")
    expect(last_reply(page).locator(".figures")).to_contain_text(re.compile(r"\d+ tokens.*\d tokens/s", re.S))
    expect(page.locator("#context")).to_have_attribute("aria-valuetext",
                                                       re.compile(r"^[1-9][\d,]* of [\d,]+ tokens$"))
    page.reload()
    expect(last_reply(page).locator(".markdown")).to_contain_text("Paris")


def test_stop_and_continue(live, visit):
    page = visit(live)
    send(page, STORY)
    until(page, WRITING)
    stop(page)
    expect(last_reply(page).locator(".ending")).to_have_text("Stopped")
    begun = text_of(last_reply(page))
    page.wait_for_timeout(700)
    assert text_of(last_reply(page)) == begun
    last_reply(page).get_by_role("button", name="Continue").click()
    length = "document.querySelector('.message:last-child .markdown').innerText.length"
    until(page, f"{length} > {len(begun) + 60}")
    stop(page)
    assert text_of(last_reply(page)).startswith(begun[:30])
    expect(page.locator(".message.assistant")).to_have_count(1)


def test_an_edited_message_is_a_branch(live, visit):
    page = visit(live)
    ask(page, CAPITAL)
    question = page.locator(".message.user")
    question.hover()
    question.locator(".edit > summary").click()
    field = question.locator(".edit textarea")
    expect(field).to_be_focused()
    expect(field).to_have_value(CAPITAL)
    page.keyboard.press("Escape")
    expect(question.locator(".bubble")).to_be_visible()
    question.locator(".edit > summary").click()
    field.fill("Say hello.")
    question.get_by_role("button", name="Send").click()
    expect(question.locator(".bubble")).to_have_text("Say hello.")
    wait_for_end(page)
    expect(last_reply(page).locator(".markdown")).not_to_contain_text("Paris")
    expect(question.locator(".branch")).to_contain_text("2 / 2")
    expect(question.get_by_label("Next version")).to_be_disabled()
    question.get_by_label("Previous version").click()
    expect(question.locator(".bubble")).to_have_text(CAPITAL)
    expect(question.locator(".branch")).to_contain_text("1 / 2")
    expect(last_reply(page).locator(".markdown")).to_contain_text("Paris")
    page.reload()
    expect(question.locator(".bubble")).to_have_text(CAPITAL)


def test_write_anew(live, visit):
    page = visit(live)
    ask(page, CAPITAL)
    act(page, last_reply(page), "Write anew")
    expect(last_reply(page).locator(".branch")).to_contain_text("2 / 2", timeout=60000)
    wait_for_end(page)
    expect(page.locator(".message")).to_have_count(2)
    last_reply(page).get_by_label("Previous version").click()
    expect(last_reply(page).locator(".branch")).to_contain_text("1 / 2")


def test_delete_and_undo(stub, visit):
    page = visit(stub)
    ask(page, "/help")
    ask(page, "/help me")
    act(page, page.locator(".message.user").last, "Delete")
    expect(page.locator(".message")).to_have_count(2)
    page.locator("#notice button", has_text="Undo").click()
    expect(page.locator(".message")).to_have_count(4)
    expect(page.locator("#notice button")).to_have_count(0)


def test_copy(stub, visit):
    page = visit(stub, permissions=["clipboard-read", "clipboard-write"])
    ask(page, "/help <b>me</b>")
    act(page, page.locator(".message.user"), "Copy")
    expect(page.locator(".message.user .copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == "/help <b>me</b>"
    act(page, last_reply(page), "Copy")
    expect(last_reply(page).locator(".copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == text_of(last_reply(page)).strip()


def test_follow_ups_fill_the_input(live, visit):
    page = visit(live)
    ask(page, "Tell me two facts about the sea.")
    top = page.locator("#text").bounding_box()["y"]
    chip = page.locator("#follow-ups button").first
    expect(chip).to_be_visible(timeout=60000)
    assert page.locator("#text").bounding_box()["y"] == top
    wanted = chip.get_attribute("value")
    chip.click()
    expect(page.locator("#text")).to_have_value(wanted)
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator(".message")).to_have_count(2)
    send(page, "/help")
    expect(page.locator("#follow-ups button")).to_have_count(0)


def test_the_pill_says_what_goes_on(live, visit):
    page = visit(live)
    expect(page.locator("#pill")).to_be_hidden()
    send(page, STORY)
    expect(page.locator("#status")).to_contain_text("Writing", timeout=60000)
    expect(page.locator("#status .figure")).to_contain_text("tokens/s")
    page.click("#pill summary")
    details = page.locator("#status-details")
    expect(details).to_contain_text("Prompt")
    first = details.inner_text()
    page.wait_for_timeout(1500)
    expect(details).to_be_visible()  # it stays open while it changes
    assert details.inner_text() != first
    stop(page)
    expect(page.locator("#pill")).to_be_hidden()


def test_only_what_waits_can_be_done_while_a_reply_is_written(stub, visit):
    page = visit(stub)
    ask(page, "/help")
    send(page, "/quote")
    quote_has_begun(page)
    expect(page.locator(".message").nth(1).get_by_role("button", name="Delete")).to_be_hidden()
    expect(page.locator(".message").nth(1).get_by_role("button", name="Copy")).to_be_visible()
    wait_for_end(page)
    expect(page.locator(".message").nth(1).get_by_role("button", name="Delete")).to_be_visible()


def test_a_reply_outlives_its_page(live, visit):
    page = visit(live)
    send(page, STORY)
    until(page, WRITING)
    url, prefix = page.url, text_of(last_reply(page))[:30]
    page.goto("about:blank")
    page.wait_for_timeout(1000)
    page.goto(url)
    expect(last_reply(page).locator(".markdown")).to_contain_text(prefix)
    expect(page.locator("#status")).to_contain_text("Writing")
    stop(page)


def test_a_lost_connection_comes_back(stub, visit):
    """The browser is offline for a while: the reply goes on where it was, nothing twice, nothing missing."""
    page = visit(stub)
    page.forgive("ERR_")
    page.forgive("[object")
    send(page, "/quote")
    quote_has_begun(page)
    page.context.set_offline(True)
    page.evaluate("""() => htmx.trigger(document.querySelector("article[sse-connect]"), "htmx:sseError",
        { source: { close() {} } })""")
    expect(page.locator("#lost")).to_be_visible()
    page.wait_for_timeout(500)
    page.context.set_offline(False)
    wait_for_end(page)
    text = text_of(last_reply(page))
    assert text.count("In the beginning was the Word") == 1 and text.count("full of grace and truth") == 1


def test_a_server_that_comes_back(start, visit):
    """Killed while it writes, and started again: the page reconnects by itself or by the button; the reply is
    there, marked, and can go on."""
    server = start()
    page = visit(server)
    for fault in ("ERR_", "[object", STATES_NO_ERROR, HTMX_ERROR):
        page.forgive(fault)
    send(page, "/quote")
    quote_has_begun(page)
    page.wait_for_timeout(500)
    server.kill()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#reconnect")).to_be_visible(timeout=30000)
    start(port=server.port)
    page.click("#reconnect")
    expect(last_reply(page).locator(".ending")).to_contain_text("Interrupted", timeout=30000)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#action .send")).to_be_visible()
    assert text_of(last_reply(page)).count("In the beginning was the Word") == 1
    page.reload()
    expect(last_reply(page).locator(".ending")).to_contain_text("Interrupted")


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_earlier_messages_come_without_moving_what_is_read(stub, visit, size):
    page = visit(stub, **size)
    import_chats(page, stub, {"Long": 100})
    expect(page.locator("#chat-title")).to_have_text("Long")
    shown = page.locator(".message").count()
    assert shown < 200
    expect(page.get_by_text("Long: answer 100")).to_be_in_viewport()
    first = page.locator(".message").first
    name = first.get_attribute("id")
    page.evaluate(f"document.querySelector('#{name}').scrollIntoView()")
    page.wait_for_timeout(300)
    assert page.locator(".message").count() == shown  # the link is out of sight
    before = page.locator(f"#{name}").bounding_box()["y"]
    page.evaluate("document.querySelector('#stream').scrollTop -= 30")
    until(page, f"document.querySelectorAll('.message').length > {shown}")
    page.wait_for_timeout(300)
    assert abs(page.locator(f"#{name}").bounding_box()["y"] - before - 30) < 4
    for _ in range(6):
        page.evaluate("document.querySelector('#stream').scrollTop = 0")
        page.wait_for_timeout(300)
    expect(page.locator(".message")).to_have_count(200)
    expect(page.locator("#earlier")).to_have_count(0)
    expect(page.locator(".bubble").first).to_have_text("Long: question 1")


def test_earlier_messages_without_scripts(stub, visit):
    page = visit(stub, java_script_enabled=False)
    import_chats(page, stub, {"Long": 60})
    page.locator("#earlier a").click()
    expect(page.locator(".bubble", has_text="Long: question 20")).to_be_attached()
    expect(page.locator("#notice")).to_contain_text("up to")
    page.locator("#notice button", has_text="To its end").click()
    expect(page.locator(".assistant", has_text="Long: answer 60")).to_be_attached()


def test_messages_without_scripts(live, visit):
    page = visit(live, java_script_enabled=False)
    page.fill("#text", CAPITAL)
    page.click("#action .send")
    wait_for_end(page)
    page.locator(".edit > summary").click()
    page.locator(".edit textarea").fill("Say hello.")
    page.locator(".edit button").click()
    expect(page.locator(".bubble")).to_have_text("Say hello.")
    wait_for_end(page)
    page.get_by_label("Previous version").click()
    expect(page.locator(".bubble")).to_have_text(CAPITAL)
    page.locator(".message.user").get_by_role("button", name="Delete").click()
    expect(page.locator(".bubble")).to_have_text("Say hello.")


def test_layout_holds_still_while_the_model_writes(live, visit):
    page = visit(live)
    ask(page, CAPITAL)
    page.evaluate("""() => {
        window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
        }).observe({ type: "layout-shift" });
    }""")
    send(page, "Write a Python function that adds two numbers, and explain it.")
    expect(page.locator("#action .stop")).to_be_visible()
    wait_for_end(page, 120)
    page.wait_for_timeout(1500)
    assert page.evaluate("window.shift") < 0.02


def test_hostile_text_to_the_model(live, visit):
    page = visit(live)
    send(page, 'Repeat exactly: <script>window.hacked = 1</script> <img src="x" onerror="window.hacked = 1">')
    until(page, f"{WRITING} || document.querySelector('.meta')", 60)
    if page.locator("#action .stop").count():
        page.click("#action .stop")
    wait_for_end(page)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#messages :is(script, img)").count() == 0


def test_two_browsers_do_not_see_each_other(stub, visit):
    first, second = visit(stub), visit(stub)
    ask(first, "/help")
    second.forgive(STATES_NO_ERROR)
    second.goto(first.url)
    expect(second.locator(".lone")).to_contain_text("404")
