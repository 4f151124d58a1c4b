"""A new user in front of a real browser: sees, clicks, types, and every press is counted."""

import base64
import json
import time

from odoo.tests.common import ChromeBrowser

#: what stands in the way of the next click while the page works
BUSY = ".o_loading_indicator, .o_blockUI, .o_view_sample_data, .modal.o_inactive_modal"

FIND = """
(function(selector, text, inner) {
    const clean = (node) => (node.innerText || node.value || "").replace(/[\\s\\u00a0\\u202f]+/g, " ").trim();
    const shown = [...document.querySelectorAll(selector)].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.width && box.height && getComputedStyle(node).visibility !== "hidden";
    });
    let node = shown.find((one) => !text || clean(one) === text) ||
        shown.find((one) => clean(one).includes(text));
    if (node && inner) node = node.querySelector(inner);
    if (!node) return null;
    node.scrollIntoView({block: "nearest", inline: "nearest"});
    const box = node.getBoundingClientRect();
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const top = document.elementFromPoint(x, y);
    const free = top && (node.contains(top) || top.contains(node) || top.closest("label")?.control === node);
    return {x, y, free: Boolean(free), text: clean(node)};
})(%s, %s, %s)
"""


class Walker:
    """Drives one page; ``presses`` counts mouse clicks and keys other than typed words."""

    def __init__(self, case, base, size="1440,900", pictures=None):
        case.browser_size = size
        self.browser = ChromeBrowser(case, success_signal="the walk has no signal")
        case.addCleanup(self.browser.stop)
        self.base = base
        #: folder that gets a picture of each step; None takes none
        self.pictures = pictures
        self.presses = 0
        self.steps = []

    # -- what the user does -----------------------------------------------------------------
    def go(self, path):
        """Types an address: once, at the beginning."""
        self.browser.navigate_to(self.base + path)

    def see(self, selector, text="", inner="", timeout=60):
        """Waits until this stands on the screen, free to be clicked, and nothing loads any more.

        :param text: what is written there
        :param inner: the element within it that is meant
        """
        end = time.monotonic() + timeout
        before = None
        while time.monotonic() < end:
            place = self._find(selector, text, inner)
            # where it still moves a click would miss it
            if place and place["free"] and self._quiet() and place == before:
                return place
            before = place
            time.sleep(0.1)
        self.picture("failed")
        raise AssertionError(f"{selector} “{text}” is not on the screen: {self.text()[:2000]}")

    def click(self, selector, text="", inner="", timeout=60):
        place = self.see(selector, text, inner, timeout)
        self.presses += 1
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._ask(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place["x"],
                y=place["y"],
                button="none" if kind == "mouseMoved" else "left",
                clickCount=0 if kind == "mouseMoved" else 1,
            )
        return place

    def key(self, key, code=None, modifiers=0):
        """One key; modifiers as Chrome counts them (alt 1, control 2, shift 8)."""
        self.presses += 1
        for kind in ("keyDown", "keyUp"):
            self._ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code or key,
                windowsVirtualKeyCode=13 if key == "Enter" else 0,
                text="\r" if key == "Enter" and kind == "keyDown" else "",
                modifiers=modifiers,
            )

    def type(self, text):
        """Words into the field that has the focus; they are not counted as presses."""
        self._ask("Input.insertText", text=text)

    def step(self, title):
        """Ends a step of the story: a picture, and how many presses it took so far."""
        self.steps.append((title, self.presses))
        self.picture(f"{len(self.steps):02}")

    def log_in(self, login):
        self.go("/web/login")
        self.see("#login")
        self._evaluate(
            f"document.querySelector('#login').value = {json.dumps(login)};"
            f"document.querySelector('#password').value = {json.dumps(login)};"
            "document.querySelector('.oe_login_form').submit();"
        )
        self.see(".o_main_navbar")

    @property
    def complained(self):
        """Whether the page wrote an error to the console."""
        return self.browser.had_failure

    # -- what the machine does ----------------------------------------------------------------
    def text(self):
        return self._evaluate("document.body ? document.body.innerText : ''") or ""

    def picture(self, name):
        if self.pictures is None:
            return
        data = self._ask("Page.captureScreenshot")["data"]
        self.pictures.mkdir(parents=True, exist_ok=True)
        (self.pictures / f"{name}.png").write_bytes(base64.b64decode(data))

    def _find(self, selector, text, inner):
        return self._evaluate(FIND % (json.dumps(selector), json.dumps(text), json.dumps(inner)))

    def _quiet(self):
        return self._evaluate(f"!document.querySelector({json.dumps(BUSY)})")

    def _evaluate(self, expression):
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def _ask(self, method, **params):
        return self.browser._websocket_request(method, params=params, timeout=60)
