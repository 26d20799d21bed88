# SPDX-License-Identifier: MIT
"""The settings page, and what it does to all chats of a browser."""

from page_tools import DARK, STATES_NO_ERROR, ask, colour, import_chats
from playwright.sync_api import expect


def open_settings(page, server):
    page.goto(server.url + "settings")
    return page


def test_settings_are_kept(stub, visit):
    page = open_settings(visit(stub), stub)
    expect(page.locator(".tag").first).to_contain_text("Recommended")
    page.get_by_label("Temperature").fill("0.4")
    page.get_by_role("radiogroup", name="Follow-up").get_by_label("Off").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("Saved")
    expect(page.locator("#notice")).to_be_in_viewport()
    page.reload()
    expect(page.get_by_label("Temperature")).to_have_value("0.4")
    expect(page.get_by_role("radiogroup", name="Follow-up").get_by_label("Off")).to_be_checked()
    page.get_by_role("button", name="Restore the defaults").click()
    expect(page.get_by_label("Temperature")).not_to_have_value("0.4")


def test_the_theme_changes_with_saving(stub, visit):
    page = open_settings(visit(stub, color_scheme="light", reduced_motion="reduce"), stub)
    page.get_by_role("radiogroup", name="Theme").get_by_label("Dark").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("Saved")
    expect(page.locator("body")).to_have_css("background-color", DARK)
    page.goto(stub.url)
    assert colour(page) == DARK


def test_presets_fill_the_system_prompt(stub, visit):
    page = open_settings(visit(stub), stub)
    preset = page.locator(".presets button").nth(1)
    preset.click()
    expect(page.get_by_label("System prompt")).to_have_value(preset.get_attribute("value"))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("Saved")
    page.reload()
    expect(page.get_by_label("System prompt")).to_have_value(preset.get_attribute("value"))


def test_delete_everything(stub, visit):
    page = visit(stub)
    import_chats(page, stub, {"Tea": 1, "Coffee": 1})
    open_settings(page, stub)
    page.locator("summary.danger").click()
    page.get_by_role("button", name="Delete for good").click()  # the browser asks for the tick first
    assert page.url.endswith("/settings")
    page.get_by_label("Yes, delete everything").check()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator("#chats .item")).to_have_count(0)
    ask(page, "/help")


def test_settings_without_scripts(stub, visit):
    page = open_settings(visit(stub, java_script_enabled=False), stub)
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Temperature")).to_have_value("0.3")


def test_a_bad_value_is_refused(stub, visit):
    page = open_settings(visit(stub, java_script_enabled=False), stub)
    page.forgive(STATES_NO_ERROR)
    page.locator("form.settings").evaluate("form => form.noValidate = true")
    page.get_by_label("Temperature").fill("77")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".lone")).to_contain_text("77")
