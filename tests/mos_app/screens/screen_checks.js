// What a test asks of the screen that is shown: is anything cut, and what lies on top?
() => {
  const shadows = [...document.querySelectorAll("*")].flatMap((e) => (e.shadowRoot ? [e.shadowRoot] : []));
  const main = shadows.flatMap((shadow) => [...shadow.querySelectorAll("main")]).at(-1);
  const inside = [...main.querySelectorAll("button, h1, p, canvas, .strip")];
  const shown = inside.filter((e) => e.offsetParent && e.className !== "spoken");
  const isCut = (e) => {
    const box = e.getBoundingClientRect();
    return box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight;
  };
  const topAt = ([x, y]) => {
    let e = document.elementFromPoint(x, y);
    while (e?.shadowRoot) e = e.shadowRoot.elementFromPoint(x, y);
    return e?.closest("main")?.classList[0] ?? e?.outerHTML.slice(0, 100);
  };
  const corners = [[20, 20], [innerWidth - 40, 20], [innerWidth / 2, innerHeight - 10]];
  return {
    scrolls: main.scrollHeight > main.clientHeight || main.scrollWidth > main.clientWidth,
    cut: shown.filter(isCut).map((e) => e.outerHTML.slice(0, 80)),
    on_top: [...new Set(corners.map(topAt))],
  };
};
