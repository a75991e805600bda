"""The report as one self-contained page: no script, no request, light and dark."""

from collections.abc import Sequence
from html import escape

from bench.figures.style import FAINT, INK, Plot, svg
from mos_app.analysis.report.section import Section
from mos_app.analysis.report.tables import Table, to_html

_LONGEST_TABLE = 2500  # rows; longer ones are left to the files beside the page


def render_page(title: str, sections: Sequence[Section], *, footer: str, warning: str = "") -> str:
    """Return the HTML; `warning` is a banner above everything, such as that the ratings are simulated."""
    links = "".join(f'<a href="#{_anchor(s)}">{escape(s.title)}</a>' for s in sections)
    banner = f'<p class="banner" role="note">{escape(warning)}</p>' if warning else ""
    body = "".join(_section(section) for section in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_CSS}</style></head>'
        f"<body><header><h1>{escape(title)}</h1>{banner}<nav>{links}</nav></header>"
        f"<main>{body}</main><footer>{escape(footer)}</footer></body></html>\n"
    )


def _section(section: Section) -> str:
    first, *more = (f"<p>{escape(paragraph)}</p>" for paragraph in section.text or ("",))
    lead, text = (first if section.text else ""), "".join(more)
    plots = "".join(_figure(plot) for plot in section.plots)
    grid = f'<div class="figures">{plots}</div>' if plots else ""
    tables = "".join(_folded(table) for table in (*section.tables, *section.folded))
    heading = f"<h2>{escape(section.title)}</h2>"
    return f'<section id="{_anchor(section)}">{heading}{lead}{grid}{text}{tables}</section>'


def _figure(plot: Plot) -> str:
    drawing = svg(plot).replace(INK, "var(--ink)").replace(FAINT, "var(--faint)")
    label = escape(plot.caption, quote=True)
    width, height = plot.figure.get_size_inches()
    kind = ' class="wide"' if width > height * 2.2 else ""
    drawing = drawing.replace(
        "<svg ", f'<svg role="img" aria-label="{label}" style="max-width:{width * 1.45:.2f}in" ', 1
    )
    return f"<figure{kind}>{drawing}<figcaption>{escape(plot.caption)}</figcaption></figure>"


def _folded(table: Table) -> str:
    rows = len(table.frame)
    if rows > _LONGEST_TABLE:
        return (
            f"<p>{escape(table.title)}: {rows:,} rows, in <code>tables/{escape(table.name)}.csv</code>.</p>"
        )
    summary = f"<summary>{escape(table.title)} <span>{rows:,} rows</span></summary>"
    return f'<details>{summary}<div class="scroll" tabindex="0">{to_html(table)}</div></details>'


def _anchor(section: Section) -> str:
    return section.title.lower().replace(" ", "-")


_CSS = """
:root{color-scheme:light dark;--paper:#fff;--ink:#23272e;--soft:#5a6370;--faint:#d5d9df;--tint:#f4f6f8;
--accent:#0b63a5}
@media(prefers-color-scheme:dark){:root{--paper:#15181d;--ink:#e4e7eb;--soft:#a3acb8;--faint:#3b424c;
--tint:#1d2127;--accent:#7ab8ec}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",
Roboto,"DejaVu Sans",sans-serif}
header,main,footer{max-width:70rem;margin:0 auto;padding:0 1.5rem}
h1{font-size:2rem;line-height:1.2;margin:3rem 0 .5rem;letter-spacing:-.015em}
h2{font-size:1.35rem;margin:3.5rem 0 .75rem;letter-spacing:-.01em}
section p{max-width:46rem;margin:.6rem 0}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:.8rem 0;border-bottom:1px solid var(--faint)}
a{color:var(--accent);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
.banner{background:#f5c542;color:#221a00;padding:.5rem .9rem;border-radius:.35rem;font-weight:600;
max-width:none}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:2rem 2.5rem;
margin:1.5rem 0;align-items:end}
figure{margin:0}figure.wide{grid-column:1/-1}
figure svg{width:100%;height:auto;display:block}
figcaption,caption{color:var(--soft);font-size:.85rem;line-height:1.45;text-align:left}
figcaption{margin-top:.4rem;max-width:38rem}caption{padding:0 0 .5rem;max-width:46rem}
caption b{color:var(--ink)}
.scroll{overflow-x:auto;margin:1.75rem 0}
details .scroll{max-height:32rem;overflow:auto;margin:.5rem 0 1rem}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.22rem .8rem .22rem 0;white-space:nowrap;text-align:right}
th{font-weight:600;border-bottom:1px solid var(--ink);vertical-align:bottom}
.text{text-align:left}
tbody tr:hover{background:var(--tint)}
tbody td{border-bottom:1px solid var(--faint)}
tr.group td{border-top:1px solid var(--soft)}
td.text{max-width:34rem;overflow-wrap:anywhere;white-space:normal;min-width:4.5rem}
details{border-bottom:1px solid var(--faint);padding:.35rem 0}
summary{cursor:pointer}summary span{color:var(--soft);font-size:.85rem}
footer{color:var(--soft);font-size:.85rem;padding-top:3rem;padding-bottom:4rem}
@media print{details:not([open]),nav{display:none}section{break-inside:auto}figure{break-inside:avoid}}
"""
