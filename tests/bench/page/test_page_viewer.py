"""The viewer: what it draws is compared with what NumPy says it must draw, pixel by pixel."""

import io
import re

import numpy as np
import pytest
from page_folders import save_picture, until, write_scores
from PIL import Image as PillowImage

from bench.analysis.results import read_results
from bench.page.build import write_page

HEIGHT, WIDTH = 90, 120
BACKGROUND = 0x26
VISIBILITY = "(parts, value) => parts.forEach((part) => part.style.setProperty('visibility', value))"


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def coordinates():
    """A picture whose pixels say where they are: red is x, green is y."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x, y, np.full_like(x, 255)], axis=2).astype(np.uint8)


A, B = noise(1), noise(2)


@pytest.fixture
def address(tmp_path):
    """The page of a folder with two pictures: `noise`, two versions of it, and `places`."""
    values = {"psnr": {"near": [30.0, 20.0], "far": [25.0, 21.0]}, "ssim": {"near": [0.9, 0.5]}}
    folder = write_scores(tmp_path, values, images=["noise", "places"])
    for model, pixels in (("hr", A), ("near", B), ("far", noise(3))):
        save_picture(folder, model, "noise", pixels)
        save_picture(folder, model, "places", coordinates())
    return write_page(read_results(folder)).as_uri()


@pytest.fixture
def view(address, open_page):
    """Opens the viewer in a state; returns the page."""

    def view_(state, picture="noise", **context):
        context = {"viewport": {"width": 900, "height": 700}, **context}
        page = open_page(f"{address}#dataset=mine&scale=4&picture={picture}&{state}", **context)
        page.wait_for_selector("dialog[data-shown]")
        settle(page)
        return page

    return view_


def settle(page):
    """Wait until what was asked for has been drawn and painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(page):
    """What the screen shows of the stage, without labels: (H, W, 3), in device pixels."""
    over = page.locator(".labels, .divider")
    page.locator(".canvas").evaluate("canvas => canvas.style.setProperty('outline', 'none')")
    edges = page.locator(".canvas").evaluate("""(canvas) => {
        const box = canvas.getBoundingClientRect();
        return [box.top, box.bottom, box.left, box.right].map((edge) => Math.round(edge * devicePixelRatio));
    }""")
    over.evaluate_all(VISIBILITY, "hidden")
    shown = PillowImage.open(io.BytesIO(page.screenshot(scale="device"))).convert("RGB")
    over.evaluate_all(VISIBILITY, "visible")
    return np.asarray(shown)[edges[0] : edges[1], edges[2] : edges[3]]


def picture_in(shown):
    """The part of the stage that is not its background."""
    filled = (shown != BACKGROUND).any(axis=2)
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    return shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def magnified(picture, zoom):
    return picture.repeat(zoom, axis=0).repeat(zoom, axis=1)


def zoom_of(page):
    return page.locator(".level").inner_text()


def state_of(page):
    return dict(re.findall(r"([a-z]+)=([^&]*)", page.evaluate("location.hash")))


@pytest.mark.parametrize("ratio", [1, 1.1, 1.25, 2])
def test_every_picture_pixel_is_a_square_of_device_pixels(view, ratio):
    page = view("a=hr&b=hr&mode=slider&zoom=3&at=60,45", device_scale_factor=ratio)
    np.testing.assert_array_equal(picture_in(pixels(page)), magnified(A, 3))
    page.keyboard.press("1")
    settle(page)
    np.testing.assert_array_equal(picture_in(pixels(page)), A)


def test_the_divider_shows_a_on_its_left_and_b_on_its_right(view):
    page = view("a=hr&b=near&mode=slider&zoom=2&at=60,45&split=0.5")
    shown = picture_in(pixels(page))
    np.testing.assert_array_equal(shown[:, :118], magnified(A, 2)[:, :118])
    np.testing.assert_array_equal(shown[:, 122:], magnified(B, 2)[:, 122:])
    assert page.locator(".labels .a b").text_content() == "hr"
    assert page.locator(".labels .b").text_content() == "near 30.00 dB / 0.9000"


def test_the_divider_follows_mouse_and_keys_and_space_shows_all_of_a(view):
    page = view("a=hr&b=near&mode=slider&zoom=2&at=60,45")
    box = page.locator(".canvas").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2 + 3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 1, middle, steps=3)
    page.mouse.up()
    until(lambda: np.array_equal(picture_in(pixels(page)), magnified(B, 2)))
    page.keyboard.down("Space")
    until(lambda: np.array_equal(picture_in(pixels(page)), magnified(A, 2)))
    page.keyboard.up("Space")
    divider = page.locator(".divider")
    until(lambda: divider.get_attribute("hidden") is None)  # what is hidden takes no key
    divider.press("End")
    until(lambda: np.array_equal(picture_in(pixels(page)), magnified(A, 2)))
    divider.press("Shift+ArrowLeft")
    divider.press("ArrowLeft")
    settle(page)
    assert divider.get_attribute("aria-valuenow") == "89"
    assert divider.get_attribute("aria-valuetext") == "89 % hr, then near"


def test_the_difference_is_that_of_the_samples_times_the_gain_cut_off_at_255(view):
    page = view("a=hr&b=near&mode=slider&zoom=1&at=60,45")
    gains = page.get_by_role("group", name="Amplification")
    assert not gains.is_visible()
    page.keyboard.press("f")
    for gain in (1, 2, 4, 8, 16, 32):
        gains.get_by_role("button", name=f"×{gain}", exact=True).click()
        settle(page)
        assert f"|hr − near| × {gain} " in page.locator(".labels").text_content()
        shown = pixels(page)
        top, left = (shown.shape[0] - HEIGHT) // 2, (shown.shape[1] - WIDTH) // 2
        found = [
            shown[top + y : top + y + HEIGHT, left + x : left + x + WIDTH] for y in (0, 1) for x in (0, 1)
        ]  # in a stage of odd size the middle is half a pixel off, to one side or the other
        expected = np.minimum(np.abs(A.astype(int) - B) * gain, 255)
        assert any(np.array_equal(each, expected) for each in found), gain


def test_two_panes_zoom_and_move_in_step(view):
    page = view("a=hr&b=near&mode=side", picture="places", viewport={"width": 1400, "height": 500})
    box = page.locator(".canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 300)
    for _ in range(4):
        page.mouse.wheel(0, -120)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 260)
    page.mouse.up()
    until(lambda: zoom_of(page) not in ("×1", "×2", "×3"))
    settle(page)
    shown = pixels(page)
    half = (shown.shape[1] - 2) // 2
    left, right = shown[:, :half], shown[:, -half:]
    assert left.std() > 5
    np.testing.assert_array_equal(left, right)


def test_the_wheel_keeps_the_point_under_the_cursor(view):
    page = view("a=hr&b=hr&mode=slider&zoom=8&at=60,45", picture="places")
    box = page.locator(".canvas").bounding_box()
    at = (int(box["width"] * 0.4), int(box["height"] * 0.55))
    before = pixels(page)[at[1], at[0]]
    page.mouse.move(box["x"] + at[0], box["y"] + at[1])
    for _ in range(3):
        page.mouse.wheel(0, -120)
    until(lambda: zoom_of(page) == "×16")
    settle(page)
    after = pixels(page)[at[1], at[0]]
    assert np.abs(after.astype(int) - before).max() <= 1
    for _ in range(6):
        page.mouse.wheel(0, 120)
    until(lambda: zoom_of(page) == "×4")


def test_fingers_pinch_and_drag(view):
    page = view(
        "a=hr&b=hr&mode=slider&zoom=2&at=60,45&split=0", picture="places", has_touch=True, is_mobile=True
    )
    box = page.locator(".canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [{"x": px, "y": py, "id": n} for n, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (x - 20, y), (x + 20, y))
    for spread in (40, 60, 80, 100):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    until(lambda: zoom_of(page) == "×10")  # 2, five times as far apart
    until(lambda: state_of(page).get("zoom") == "10")
    before = state_of(page)["at"]
    touch("touchStart", (x, y))
    touch("touchMove", (x - 50, y))
    touch("touchEnd")
    until(lambda: state_of(page)["at"] != before)
    moved = [float(state.split("%2C")[0]) for state in (before, state_of(page)["at"])]
    assert moved[1] - moved[0] == pytest.approx(5, abs=0.2)


def test_keys_zoom_move_swap_and_turn_pages(view):
    page = view("a=hr&b=near&mode=slider&zoom=4&at=60,45")
    page.keyboard.press("+")
    until(lambda: zoom_of(page) == "×5")
    page.keyboard.press("-")
    page.keyboard.press("1")
    until(lambda: zoom_of(page) == "×1")
    page.keyboard.press("0")
    until(lambda: zoom_of(page) == "×5")  # the largest at which 120x90 fits into the stage
    page.keyboard.press("x")
    until(lambda: page.locator(".labels .a b").text_content() == "near")
    page.keyboard.press("n")
    until(lambda: page.locator("dialog h2").inner_text().startswith("places"))
    page.keyboard.press("n")
    until(lambda: page.locator("dialog h2").inner_text().startswith("noise"))
    page.keyboard.press("g")
    until(lambda: page.locator(".labels span").count() == 3)


def test_an_address_brings_the_same_view_back(view, open_page):
    page = view("a=near&b=far&mode=slider")
    page.locator("input[name=side-a][aria-label='A: hr']").check()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "A: hr"
    page.locator("dialog h2").focus()
    for key in ("+", "+", "ArrowRight", "ArrowDown", ","):
        page.keyboard.press(key)
    until(lambda: "split" in state_of(page) and state_of(page).get("a") == "hr")
    page.mouse.move(1, 1)
    settle(page)
    page.wait_for_timeout(300)
    again = open_page(page.url, viewport={"width": 900, "height": 700})
    again.wait_for_selector("dialog[data-shown]")
    settle(again)
    np.testing.assert_array_equal(pixels(again), pixels(page))


def test_back_and_escape_lead_to_the_list(address, open_page):
    page = open_page(address)
    for leave in (page.go_back, lambda: page.keyboard.press("Escape")):
        page.locator("a.entry").last.click()
        page.wait_for_selector("dialog[open]")
        assert "picture=places" in page.url
        leave()
        until(lambda: page.locator("dialog[open]").count() == 0)
        assert "picture=" not in page.evaluate("location.hash")


def test_a_lost_picture_and_one_of_another_size_are_said(tmp_path, open_page):
    folder = write_scores(tmp_path, {"psnr": {"near": [1.0, 2.0]}}, images=["one", "two"])
    for model in ("hr", "near"):
        lost = save_picture(folder, model, "one", A)
    save_picture(folder, "hr", "two", A)
    save_picture(folder, "near", "two", B[:50])
    address = write_page(read_results(folder)).as_uri()
    lost.write_bytes(b"")
    page = open_page(f"{address}#dataset=mine&scale=4&picture=two")
    until(lambda: "not of one size: 120 × 90, 120 × 50" in page.locator(".says").inner_text())
    page.keyboard.press("p")
    until(lambda: "near/mine/x4/one.png cannot be shown" in page.locator(".says").inner_text())


def test_a_shared_view_closes_onto_the_list(view):
    page = view("a=hr&b=near&mode=slider&zoom=2&at=60,45")
    page.get_by_role("button", name="close (Esc)").click()
    until(lambda: page.locator("dialog[open]").count() == 0)
    assert page.evaluate("location.hash") in ("", "#")
    assert page.locator("a.entry").count() == 2
