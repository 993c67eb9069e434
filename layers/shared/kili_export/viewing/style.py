"""How the pages look, dark and light, wide and narrow."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
nav a { margin-right: 1rem; padding: .25rem 0; }
nav a[aria-current] { font-weight: bold; text-decoration: none; }
:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dd { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
svg.bar { width: 8rem; height: .8rem; vertical-align: middle; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: 1rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1rem;
  list-style: none; padding: 0; }
figure { margin: 0; }
figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }
.drawn { position: relative; display: block; }
.drawn img { display: block; width: 100%; height: auto; min-height: 2rem; }
.drawn svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.drawn.bare { aspect-ratio: 4 / 3; border: 1px dashed var(--line); }
.drawn path { fill-opacity: .15; fill-rule: evenodd; stroke-width: 2; stroke-linejoin: round; }
.drawn path.dot { stroke-width: 8; stroke-linecap: round; }
"""
