"""The admin page in a browser: what its tests do with it."""

from typing import Any

from studies import PASSWORD


def sign_in(page: Any, password: str = PASSWORD) -> None:
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()


def section(page: Any, name: str) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
