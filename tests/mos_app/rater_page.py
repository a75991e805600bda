"""A rater's browser in a test: what it painted, what it acknowledged, which keys it pressed."""

import re
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import BrowserContext, Page

SPY = """
window.painted = [];
window.acknowledged = 0;
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...args) {
  draw.apply(this, args);
  const pixel = [...this.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  window.painted.push({ at: Date.now(), pixel });
};
const add = DOMTokenList.prototype.add;
DOMTokenList.prototype.add = function (...names) {
  if (names.includes("pressed")) window.acknowledged++;
  add.apply(this, names);
};
"""
UNLOCKED = ".rating:not(.locked)"


@dataclass
class RaterPage:
    """One tab."""

    page: Page

    @classmethod
    def opened(cls, context: BrowserContext, url: str) -> "RaterPage":
        page = context.new_page()
        page.add_init_script(SPY)
        page.goto(url)
        return cls(page)

    def begin(self) -> "RaterPage":
        """Consent, viewing check, instructions: to the first picture."""
        self.page.locator("#agree").check()
        self.page.get_by_role("button", name="Begin").click()
        self.page.locator("#dark6").check(force=True)
        self.page.locator("#light6").check(force=True)
        self.page.get_by_role("button", name="Continue").click()
        self.page.get_by_role("button", name=re.compile("^Start")).click()
        return self.ready()

    def ready(self, seconds: float = 20) -> "RaterPage":
        """Wait until a picture is painted and keys are taken."""
        self.page.locator(UNLOCKED).wait_for(timeout=seconds * 1000)
        return self

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def rate(self, key: str) -> None:
        """Answer the picture on the screen, once it can be."""
        self.ready()
        self.press(key)
        self.page.locator(".rating.locked").wait_for(timeout=5000)

    @property
    def painted(self) -> list[tuple[int, int, int]]:
        """The first pixel of each picture that was drawn: it says which one it was."""
        return [tuple(entry["pixel"]) for entry in self.page.evaluate("window.painted")]

    @property
    def painted_at(self) -> list[float]:
        return [entry["at"] / 1000 for entry in self.page.evaluate("window.painted")]

    @property
    def acknowledged(self) -> int:
        return int(self.page.evaluate("window.acknowledged"))

    def canvas_pixels(self) -> np.ndarray:
        """What the screen shows where the canvas is, as device pixels."""
        import io

        from PIL import Image

        ratio = self.page.evaluate("devicePixelRatio")
        box = self.page.locator(".rating canvas").first.bounding_box()
        assert box is not None
        shot = np.asarray(Image.open(io.BytesIO(self.page.screenshot(scale="device"))).convert("RGB"))
        left, top = round(box["x"] * ratio), round(box["y"] * ratio)
        width, height = round(box["width"] * ratio), round(box["height"] * ratio)
        return shot[top : top + height, left : left + width]
