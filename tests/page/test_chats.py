# SPDX-License-Identifier: MIT
"""The chats beside the conversation: the list, its menus, search, archive, files, the drawer of a phone."""

import json
import re

import pytest
from page_tools import (HTMX_ERROR, LAST_VERSE, PHONE, STATES_NO_ERROR, ask, import_chats, item, last_reply,
                        open_drawer, open_menu, quote_has_begun, send, wait_for_end)
from playwright.sync_api import expect

SIZES = pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])


@pytest.fixture
def shelf(stub, visit):
    """A page with three chats, on none of them."""
    page = visit(stub)
    import_chats(page, stub, {"Tea": 1, "Lighthouses": 2, "Taxes & <b>duties</b>": 1})
    page.goto(stub.url)
    return page


def test_a_new_chat_takes_its_place(stub, visit):
    page = visit(stub)
    expect(page.locator("#chats .nothing")).to_be_visible()
    expect(page.locator("#chat-menu details")).to_have_count(0)
    ask(page, "/help me")
    assert re.search(r"/chats/\d+$", page.url)
    expect(page.locator("#chats .item.current")).to_have_count(1)
    expect(page.locator("#chat-menu details")).to_have_count(1)
    expect(page.locator("#chat-title")).not_to_have_text("New chat")
    assert page.title().startswith(page.locator("#chat-title").inner_text())
    page.reload()
    expect(page.locator(".message")).to_have_count(2)
    page.get_by_role("link", name="New chat").first.click()
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator("#chats .item")).to_have_count(1)
    page.go_back()
    expect(page.locator(".message")).to_have_count(2)


def test_going_back_after_a_new_chat(stub, visit):
    page = visit(stub)
    ask(page, "/help")
    page.go_back()
    expect(page.locator(".greeting")).to_be_visible()
    page.go_forward()
    expect(page.locator(".message")).to_have_count(2)


def test_chats_stand_in_groups_and_open(shelf):
    expect(shelf.locator("#chats h2")).to_have_text(["Today"])
    shelf.click("text=Lighthouses")
    expect(shelf.locator("#chat-title")).to_have_text("Lighthouses")
    expect(shelf.locator(".message")).to_have_count(4)
    expect(item(shelf, "Lighthouses").locator("a[aria-current=page]")).to_have_count(1)


@SIZES
def test_rename(stub, visit, size):
    page = visit(stub, **size)
    import_chats(page, stub, {"Tea": 1})
    open_drawer(page)
    row = open_menu(page, "Tea")
    row.locator("[name=title]").fill("Green <i>tea</i>")
    row.get_by_role("button", name="Rename").click()
    expect(item(page, "Green <i>tea</i>")).to_be_visible()
    expect(page.locator("#chat-title")).to_have_text("Green <i>tea</i>")
    page.reload()
    expect(page.locator("#chat-title")).to_have_text("Green <i>tea</i>")


def test_rename_in_the_header(shelf):
    shelf.click("text=Tea")
    shelf.locator(".drop > summary").click()
    shelf.locator(".drop [name=title]").fill("Coffee")
    shelf.locator(".drop [name=title]").press("Enter")
    expect(shelf.locator("#chat-title")).to_have_text("Coffee")
    expect(item(shelf, "Coffee")).to_be_visible()


def test_pin_and_unpin(shelf):
    open_menu(shelf, "Tea").get_by_role("button", name="Pin").click()
    expect(shelf.locator("#chats h2")).to_have_text(["Pinned", "Today"])
    expect(shelf.locator("#chats .group").first).to_contain_text("Tea")
    open_menu(shelf, "Tea").get_by_role("button", name="Unpin").click()
    expect(shelf.locator("#chats h2")).to_have_text(["Today"])


def test_archive_and_back(shelf):
    open_menu(shelf, "Tea").get_by_role("button", name="Archive").click()
    expect(item(shelf, "Tea")).to_have_count(0)
    shelf.get_by_role("link", name="Archived").click()
    expect(shelf.locator(".list-head")).to_contain_text("Archived")
    open_menu(shelf, "Tea").get_by_role("button", name="Unarchive").click()
    expect(item(shelf, "Tea").filter(visible=True).or_(shelf.locator("#chats .nothing"))).to_be_visible()
    shelf.goto(shelf.url)
    expect(item(shelf, "Tea")).to_be_visible()


@SIZES
def test_delete_and_undo(stub, visit, size):
    page = visit(stub, **size)
    import_chats(page, stub, {"Tea": 1, "Lighthouses": 1})
    page.goto(stub.url)
    open_drawer(page)
    open_menu(page, "Tea").get_by_role("button", name="Delete").click()
    expect(item(page, "Tea")).to_have_count(0)
    undo = page.locator(".notice button", has_text="Undo")
    expect(undo).to_be_visible()
    undo.click()
    expect(item(page, "Tea")).to_be_visible()
    expect(undo).to_have_count(0)


def test_delete_of_the_chat_that_is_shown(shelf):
    shelf.click("text=Tea")
    shelf.locator(".drop > summary").click()
    shelf.locator(".drop .danger").click()
    expect(shelf.locator(".greeting")).to_be_visible()
    shelf.locator("#notice button", has_text="Undo").click()
    expect(item(shelf, "Tea")).to_be_visible()


@SIZES
def test_search_while_typing(stub, visit, size):
    page = visit(stub, **size)
    import_chats(page, stub, {"Tea": 1, "Lighthouses": 2})
    page.goto(stub.url)
    open_drawer(page)
    page.locator("#search").press_sequentially("light", delay=30)
    expect(page.locator("#chats .hits")).to_contain_text("1 chat with")
    expect(page.locator("#chats mark").first).to_have_text("Lighthouses")
    expect(page.locator("#chats .item")).to_have_count(1)
    assert page.evaluate("document.activeElement.id") == "search"
    page.locator("#search").fill("nowhere at all")
    expect(page.locator("#chats .nothing")).to_be_visible()
    page.locator("#search").fill("")
    expect(page.locator("#chats .item")).to_have_count(2)


def test_a_find_opens_where_it_is(stub, visit):
    page = visit(stub)
    import_chats(page, stub, {"Long": 120})
    page.fill("#search", "question 3")
    expect(page.locator("#chats .hits")).to_be_visible()
    page.locator("#chats .to-chat").first.click()
    expect(page.locator(".message:target")).to_be_in_viewport()
    expect(page.locator(".message:target")).to_contain_text("question 3")


@pytest.mark.parametrize("text", ["<script>window.hacked = 1</script>", "\"' OR 1 = 1 --", "a" * 500, "*",
                                  "NEAR("])
def test_search_terms_are_only_text(shelf, text):
    shelf.fill("#search", text)
    expect(shelf.locator("#chats .hits")).to_contain_text(text[:20])
    assert shelf.evaluate("window.hacked") is None
    assert shelf.locator("#chats :is(script, img)").count() == 0


def test_titles_are_only_text(stub, visit):
    page = visit(stub)
    title = "<img src=x onerror='window.hacked = 1'>"
    import_chats(page, stub, {title: 1})
    expect(page.locator("#chat-title")).to_have_text(title)
    expect(item(page, title)).to_be_visible()
    open_menu(page, title)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_more_chats_come_when_one_scrolls(stub, visit):
    page = visit(stub)
    import_chats(page, stub, {f"Chat {i}": 1 for i in range(95)})
    page.goto(stub.url)
    rows = page.locator("#chats .item")
    assert 20 <= rows.count() < 95
    for _ in range(3):
        page.locator("#chats > :last-child").scroll_into_view_if_needed()
        page.wait_for_timeout(300)
    expect(rows).to_have_count(95)
    expect(page.locator("#chats h2:visible")).to_have_text(["Today"])


@pytest.mark.parametrize("kind, ending", [("Markdown", "md"), ("JSON", "json"), ("Text", "txt")])
def test_export(shelf, kind, ending):
    row = open_menu(shelf, "Tea")
    with shelf.expect_download() as download:
        row.get_by_role("link", name=kind).click()
    assert download.value.suggested_filename == f"tea.{ending}"
    assert "Tea: answer 1" in download.value.path().read_text(encoding="utf-8")


def test_export_by_command(shelf):
    shelf.click("text=Tea")
    with shelf.expect_download() as download:
        send(shelf, "/export markdown")
    assert download.value.suggested_filename == "tea.md"
    expect(shelf.locator(".message.pending")).to_have_count(0)


def test_what_was_exported_can_be_imported(shelf, stub, visit, tmp_path):
    shelf.goto(stub.url + "settings")
    with shelf.expect_download() as download:
        shelf.get_by_role("link", name="Export everything").click()
    file = tmp_path / "chats.json"
    download.value.save_as(file)
    assert len(json.loads(file.read_text(encoding="utf-8"))["chats"]) == 3
    other = visit(stub)
    other.locator(".import summary").click()
    other.set_input_files("#import-file", file)
    other.locator(".import button").click()
    expect(other.locator("#chats .item")).to_have_count(3)


def test_a_file_that_is_none_is_refused(stub, visit):
    page = visit(stub)
    page.forgive(STATES_NO_ERROR)
    page.locator(".import summary").click()
    page.set_input_files("#import-file", {"name": "x.json", "mimeType": "application/json", "buffer": b"{"})
    page.locator(".import button").click()
    expect(page.locator(".lone")).to_be_visible()
    page.get_by_text("Back to the chat").click()
    expect(page.locator("#chats .item")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_share_is_one_file_that_needs_nothing(shelf, browser, tmp_path, scheme):
    with shelf.expect_download() as download:
        open_menu(shelf, "Lighthouses").get_by_role("link", name="Share").click()
    file = tmp_path / "shared.html"
    download.value.save_as(file)
    context = browser.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda request: "shared.html" in request.url or faults.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator("article")).to_have_count(4)
    expect(page.locator("h1")).to_have_text("Lighthouses")
    colours = {"light": "rgb(224, 229, 236)", "dark": "rgb(38, 42, 51)"}
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colours[scheme]
    assert page.locator("script, form, button").count() == 0
    assert faults == []
    context.close()


def test_the_drawer_opens_and_closes(stub, visit):
    page = visit(stub, **PHONE)
    import_chats(page, stub, {"Tea": 1})
    drawer = page.locator("#sidebar")
    expect(drawer).to_be_hidden()
    open_drawer(page)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    open_drawer(page)
    page.get_by_label("Close the list of chats").click()
    expect(drawer).to_be_hidden()
    open_drawer(page)
    page.locator("#chats .to-chat").click()
    expect(page.locator("#chat-title")).to_have_text("Tea")
    expect(drawer).to_be_hidden()


def test_an_error_behind_the_drawer_is_seen(start, visit):
    server = start()
    page = visit(server, **PHONE)
    page.forgive("ERR_")
    page.forgive("[object")
    page.forgive(HTMX_ERROR)
    import_chats(page, server, {"Tea": 1})
    open_drawer(page)
    row = open_menu(page, "Tea")
    server.kill()
    row.get_by_role("button", name="Pin").click()
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    expect(page.locator("#notice")).to_be_in_viewport()


def test_menus_close(shelf):
    first = open_menu(shelf, "Tea")
    second = open_menu(shelf, "Lighthouses")
    expect(first.locator(".sheet")).to_be_hidden()
    shelf.keyboard.press("Escape")
    expect(second.locator(".sheet")).to_be_hidden()
    open_menu(shelf, "Tea")
    shelf.click("#stream")
    expect(first.locator(".sheet")).to_be_hidden()


# Without scripts


def test_chats_without_scripts(stub, visit):
    page = visit(stub, java_script_enabled=False)
    import_chats(page, stub, {"Tea": 1, "Lighthouses": 1})
    page.goto(stub.url)
    row = open_menu(page, "Tea")
    row.locator("[name=title]").fill("Coffee")
    row.get_by_role("button", name="Rename").click()
    expect(page.locator("#chat-title")).to_have_text("Coffee")
    open_menu(page, "Coffee").get_by_role("button", name="Pin").click()
    expect(page.locator("#chats h2").first).to_have_text("Pinned")
    open_menu(page, "Coffee").get_by_role("button", name="Delete").click()
    expect(item(page, "Coffee")).to_have_count(0)
    page.locator(".notice button", has_text="Undo").click()
    expect(page.locator("#chat-title")).to_have_text("Coffee")
    page.fill("#search", "lighth")
    page.keyboard.press("Enter")
    expect(page.locator("#chats .item")).to_have_count(1)
    page.goto(stub.url + "chats")
    expect(page.locator("#chats .item")).to_have_count(2)


def test_two_pages_of_one_browser_follow_one_reply(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    quote_has_begun(page)
    other = page.context.new_page()
    other.goto(page.url)
    wait_for_end(page)
    wait_for_end(other)
    assert last_reply(other).inner_text() == last_reply(page).inner_text()


def test_two_chats_at_once_do_not_mix(stub, visit):
    page = visit(stub)
    send(page, "/quote")
    quote_has_begun(page)
    other = page.context.new_page()
    other.goto(stub.url)
    expect(other.locator(".message")).to_have_count(0)
    ask(other, "/help")
    wait_for_end(page)
    assert last_reply(page).locator(".markdown").inner_text().count(LAST_VERSE) == 1
    assert LAST_VERSE not in other.locator("#messages").inner_text()
