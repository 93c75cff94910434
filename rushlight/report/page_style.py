"""The style sheet of the page, inline in it: light and dark, wide and narrow, screen and paper.

The colours are those of the pictures (pictures.py), so that a picture's surface is the card's it stands on.
"""

from __future__ import annotations

from .pictures import DARK, LIGHT, Colours


def style_sheet() -> str:
    """The whole of it."""
    light, dark = _variables(LIGHT, "#f3f5f8", "#eaf1fe"), _variables(DARK, "#0e131a", "#1b2940")
    return (
        ":root { color-scheme: light dark; "
        + light
        + " }\n@media (prefers-color-scheme: dark) { :root { "
        + dark
        + " } }\n"
        + _RULES
    )


def _variables(colours: Colours, page: str, tint: str) -> str:
    values = {
        "page": page,
        "surface": colours.surface,
        "text": colours.text,
        "muted": colours.muted,
        "line": colours.grid,
        "accent": colours.right,
        "wrong": colours.wrong,
        "tint": tint,
    }
    return " ".join(f"--{name}: {value};" for name, value in values.items())


_RULES = """
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--text); line-height: 1.6;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
}
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3rem; }
.kind { margin: 0; color: var(--accent); font-weight: 650; letter-spacing: .02em; }
h1 { margin: .15rem 0 .4rem; font-size: clamp(1.7rem, 4vw, 2.5rem); line-height: 1.15; letter-spacing:
-.015em; } .about { margin: 0; color: var(--muted); }
.lead { margin: 1.3rem 0 0; font-size: 1.2rem; line-height: 1.5; max-width: 46rem; }
nav ol { display: flex; flex-wrap: wrap; gap: .45rem; list-style: none; margin: 1.5rem 0 0; padding: 0; }
nav a {
  display: block; padding: .2rem .8rem; border: 1px solid var(--line); border-radius: 999px;
  background: var(--surface); color: var(--text); text-decoration: none; font-size: .92rem;
}
nav a:hover, nav a:focus-visible { border-color: var(--accent); color: var(--accent); }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .9rem; margin: 1.6rem 0 0;
}
.tile { background: var(--surface); border: 1px solid var(--line); border-radius: 14px; padding: 1rem
1.15rem; } .tile dt { color: var(--muted); font-size: .95rem; }
.tile dd { margin: 0; }
.tile .value { font-size: 2rem; font-weight: 680; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile:first-child { background: var(--tint); border-color: transparent; }
.tile:first-child .value { color: var(--accent); }
.tile .meaning { color: var(--muted); font-size: .9rem; line-height: 1.4; }
section {
  background: var(--surface); border: 1px solid var(--line); border-radius: 14px;
  margin: 1.2rem 0; padding: 1.5rem 1.6rem 1.6rem; scroll-margin-top: 1rem;
}
h2 { margin: 0 0 .5rem; font-size: 1.4rem; letter-spacing: -.01em; line-height: 1.25; }
h3 { margin: 1.5rem 0 .4rem; font-size: 1.08rem; }
p { margin: .5rem 0; max-width: 48rem; }
figure { margin: 1.2rem 0 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: var(--muted); font-size: .95rem; margin-top: .6rem; max-width: 48rem; }
.wide { overflow-x: auto; margin: 1rem 0 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .97rem; }
caption { caption-side: bottom; text-align: left; color: var(--muted); font-size: .95rem; padding-top:
.6rem; } th, td { padding: .42rem .75rem; text-align: left; border-bottom: 1px solid var(--line);
vertical-align: top; } thead th { color: var(--muted); font-weight: 600; font-size: .9rem; white-space:
nowrap; border-bottom-width: 2px; } tbody th { font-weight: 600; }
.settings tbody th { width: 32%; }
tbody tr:hover { background: color-mix(in srgb, var(--tint) 55%, transparent); }
.number { text-align: right; white-space: nowrap; }
td.meaning { color: var(--muted); }
td.value { overflow-wrap: anywhere; }
td.right { background: var(--tint); font-weight: 650; }
td.none { color: var(--line); }
ol.mistakes { padding-left: 1.4rem; margin: .4rem 0; }
ol.mistakes li { padding: .12rem 0; }
details { margin-top: 1.1rem; }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
.gallery {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(8.4rem, 1fr)); gap: .9rem;
  list-style: none; margin: 1.1rem 0 0; padding: 0;
}
.gallery li { border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.gallery img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #10151d; }
.gallery img.small { image-rendering: pixelated; }
.gallery p { margin: 0; padding: .5rem .7rem .6rem; line-height: 1.4; font-size: .92rem; overflow-wrap:
anywhere; } .gallery .taken { color: var(--wrong); font-weight: 650; }
.gallery .sure { color: var(--muted); }
dl.glossary { margin: .8rem 0 0; display: grid; grid-template-columns: minmax(9rem, 13rem) 1fr; }
dl.glossary dt { font-weight: 650; padding: .5rem 1rem .5rem 0; border-top: 1px solid var(--line); }
dl.glossary dd { margin: 0; padding: .5rem 0; border-top: 1px solid var(--line); }
footer { color: var(--muted); font-size: .9rem; padding-bottom: 3rem; }
@media (max-width: 40rem) {
  header { padding-top: 1.6rem; }
  main, header, footer { padding-left: .8rem; padding-right: .8rem; }
  section { padding: 1.1rem 1rem 1.2rem; }
  .lead { font-size: 1.08rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .explained thead { display: none; }
  .explained tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); }
  .explained tbody :is(th, td) { border-bottom: 0; padding: .35rem .3rem; }
  .explained td.meaning { grid-column: 1 / -1; padding-top: 0; }
  .tile .value { font-size: 1.6rem; }
  figure picture { display: block; overflow-x: auto; }
  figure img { max-width: max(100%, 34rem); }
  dl.glossary { grid-template-columns: 1fr; }
  dl.glossary dt { padding-bottom: 0; }
  dl.glossary dd { border-top: 0; padding-top: 0; }
}
@media print {
  body { background: none; font-size: 10pt; }
  nav { display: none; }
  section { break-inside: avoid-page; border: 0; padding: 0; margin: 1.5rem 0; }
  #glossary, #wrong { break-inside: auto; }
}
"""
