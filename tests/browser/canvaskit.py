"""What a person does with the image canvas, in page coordinates, and what can be read off it."""

from browserkit import equals, kernel, until


class Canvas:
    """One image canvas on a page; of a volume one of its three planes, with rows y, z and y."""

    def __init__(self, page, within, plane="xy"):
        self.page = page
        self.root = page.locator(within)
        self.root.first.wait_for()
        self.node = self.root.locator("canvas.nbt-canvas" if plane == "xy" else f"canvas.nbt-canvas-{plane}")
        self.node.scroll_into_view_if_needed()
        until(lambda: self.data("t") is not None)

    def data(self, name):
        return self.node.get_attribute(f"data-{name}")

    def wait(self, name, value):
        equals(lambda: self.data(name), str(value))

    def place(self, y, x):
        """Page coordinates of a pixel of the image, given by its row and column."""
        box = self.node.bounding_box()
        across, down, cy, cx = (float(self.data(name)) for name in ("zoom", "zoom-down", "cy", "cx"))
        left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return left + (x + 0.5 - cx) * across, top + (y + 0.5 - cy) * down

    def hover(self, y, x):
        self.page.mouse.move(*self.place(y, x))

    def click(self, y, x, button="left"):
        self.page.mouse.click(*self.place(y, x), button=button)

    def wheel(self, delta, key=None):
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.wheel(0, delta)
        if key:
            self.page.keyboard.up(key)

    def color(self, y, x):
        """Red, green and blue as painted at a pixel of the image."""
        px, py = self.place(y, x)
        return self.node.evaluate(
            """(canvas, [x, y]) => {
              const r = canvas.getBoundingClientRect(), k = canvas.width / r.width, c = canvas.getContext('2d');
              return [...c.getImageData((x - r.left) * k, (y - r.top) * k, 1, 1).data].slice(0, 3) }""",
            [px, py],
        )

    def said(self):
        """The message line."""
        return self.root.locator(".nbt-said").inner_text()

    def inner_points(self, t, wanted="True"):
        """Objects of a frame with a pixel that is surely inside: [object_id, y, x], from the kernel."""
        return kernel(
            self.page,
            f"[[int(r.object_id), round(r.y), round(r.x)] for r in detections.table.query('t == {t}').itertuples() "
            f"if detections.labels[{t}][round(r.y), round(r.x)] == r.object_id and {wanted}]",
        )
