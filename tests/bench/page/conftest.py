"""What the tests of the page share: a browser that complains."""

import pytest


@pytest.fixture
def open_page(browser):
    """Opens an address in a fresh profile; whatever the browser complains about fails the test."""
    contexts, complaints = [], []

    def open_(address, **context):
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(address if "://" in str(address) else address.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
