# SPDX-License-Identifier: MIT
"""Nothing that axe-core finds, on any page in any state, on a desktop and a phone, light and dark."""

import pytest
from page_tools import (HTMX_ERROR, PHONE, STATES_NO_ERROR, ask, import_chats, last_reply, open_drawer,
                        open_menu, quote_has_begun, send, until, wait_for_end)
from playwright.sync_api import expect

pytestmark = [pytest.mark.parametrize("scheme", ["light", "dark"]),
              pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])]

# Every kind of block and of code that can stand in a reply.
MARKDOWN = """# One\n\n## Two\n\nText with `code`, **bold**, [a link](https://example.org) and $x^2$.

```python\n# a comment\ndef f(name="text", n=3):\n    return name * n  # """ + "x" * 200 + """\n```

| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- [x] done\n- [ ] not yet\n
> Quoted.\n\n1. first\n\n$$\\frac{1}{2}$$\n"""


@pytest.fixture(scope="session")
def axe(request):
    path = request.config.rootpath / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("no node_modules/axe-core; ./run.sh --setup fetches it")
    return path.read_text(encoding="utf-8")


@pytest.fixture
def check(axe):
    def check(page):
        page.wait_for_timeout(400)  # colours may be in transition
        page.evaluate(axe)
        found = page.evaluate("""async () => (await axe.run(document)).violations.map(
            (rule) => [rule.id, ...rule.nodes.map((node) => node.html.slice(0, 120))])""")
        assert found == []

    return check


def test_conversation(stub, visit, check, scheme, size):
    page = visit(stub, color_scheme=scheme, **size)
    page.forgive(STATES_NO_ERROR)
    page.forgive(HTMX_ERROR)
    check(page)
    page.fill("#text", "/")
    check(page)
    send(page, "/quote")
    quote_has_begun(page)
    page.click("#pill summary")
    check(page)
    wait_for_end(page)
    check(page)
    send(page, "refused without a model")
    expect(page.locator("#notice p")).to_have_count(1)
    check(page)
    page.locator(".drop > summary").click()
    check(page)
    page.get_by_role("button", name="Clear the messages").click()
    expect(page.locator(".greeting")).to_be_visible()
    check(page)


def test_all_that_a_reply_can_hold(stub, visit, check, scheme, size):
    page = visit(stub, color_scheme=scheme, **size)
    page.goto(stub.url + "chats")
    transcript = ("<!-- notso chat, version 1 -->\n# Blocks\n\n"
                  "<!-- notso user -->\n## You, 2026-11-22 21:08:55 UTC\n\nShow me.\n\n"
                  "<!-- notso assistant stopped -->\n## SmolLM3-3B, 2026-11-22 21:08:55 UTC\n\n"
                  f"{MARKDOWN}\n<!-- notso end, messages: 2 -->\n")
    page.locator(".import summary").click()
    page.set_input_files("#import-file", {"name": "x.md", "mimeType": "text/markdown",
                                          "buffer": transcript.encode()})
    page.locator(".import button").click()
    expect(page.locator(".code")).to_have_count(1)
    until(page, "document.querySelectorAll('.katex').length === 2 && document.querySelector('.hljs-comment')")
    page.locator(".user .tool").first.hover()
    check(page)
    page.locator(".edit > summary").click()
    check(page)


def test_chats(stub, visit, check, scheme, size):
    page = visit(stub, color_scheme=scheme, **size)
    import_chats(page, stub, {"Tea": 1, "Lighthouses": 1})
    check(page)  # the list as a page
    page.goto(stub.url)
    open_drawer(page)
    check(page)
    row = open_menu(page, "Tea")
    check(page)
    row.get_by_role("button", name="Pin").click()
    expect(page.locator("#chats h2").first).to_have_text("Pinned")
    check(page)
    page.fill("#search", "light")
    expect(page.locator("#chats mark").first).to_be_visible()
    check(page)
    page.fill("#search", "")
    expect(page.locator("#chats .item")).to_have_count(2)
    open_menu(page, "Tea").get_by_role("button", name="Delete").click()
    expect(page.locator(".notice button", has_text="Undo")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Archived").click()
    expect(page.locator("#chats .nothing")).to_be_visible()
    page.locator(".import summary").click()
    check(page)


def test_other_pages(stub, visit, check, scheme, size):
    page = visit(stub, color_scheme=scheme, **size)
    page.forgive(STATES_NO_ERROR)
    page.goto(stub.url + "settings")
    for summary in page.locator(".data summary").all():
        summary.click()
    check(page)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("Saved")
    check(page)
    page.goto(stub.url + "no/such/page")
    check(page)


def test_with_the_model(live, visit, check, scheme, size):
    page = visit(live, color_scheme=scheme, **size)
    check(page)
    ask(page, "What is the capital of France?")
    expect(page.locator("#follow-ups button").first).to_be_visible(timeout=60000)
    check(page)
    last_reply(page).get_by_role("button", name="Write anew").click()
    expect(last_reply(page).locator(".branch")).to_be_visible()
    wait_for_end(page)
    check(page)


def test_a_lost_connection(start, visit, check, scheme, size):
    server = start()
    page = visit(server, color_scheme=scheme, **size)
    page.forgive("ERR_")
    page.forgive("[object")
    send(page, "/quote")
    quote_has_begun(page)
    server.kill()
    expect(page.locator("#reconnect")).to_be_visible(timeout=30000)
    check(page)
