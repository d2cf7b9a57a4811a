/** The style sheet of a report, inlined into the page. Fonts are those of the reader's system. */
export const STYLE = `:root { color-scheme: light; --ink: #1d2330; --soft: #5d6675; --line: #dfe3ea; --closed: #b9cdea; --open: #f3c3a5; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .6rem; }
.lead { max-width: 46rem; margin: 0; }
.note { max-width: 46rem; margin: .5rem 0; color: var(--soft); font-size: .875rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
th[scope=row], thead th:first-child { text-align: left; padding-left: 0; font-weight: 400; }
thead th { color: var(--soft); font-weight: 600; font-size: .875rem; }
.emphasis th[scope=row], .emphasis td { font-weight: 600; }
.bar { position: relative; min-width: 9rem; }
.bar span { position: absolute; inset: 3px auto 3px 0; border-radius: 2px; }
.bar b { position: relative; font-weight: inherit; }
.closed { background: var(--closed); }
.open { background: var(--open); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: .5rem 0 1rem; padding: 0; font-size: .875rem; }
.legend span { display: inline-block; width: .9em; height: .9em; margin-right: .4em; border-radius: 2px; vertical-align: -.08em; }
figure { margin: 0 0 1.5rem; }
figure img { display: block; width: 100%; height: auto; image-rendering: auto; }
figcaption { color: var(--soft); font-size: .875rem; margin-top: .3rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0; font-size: .875rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: 1.25rem .75rem 3rem; } section { overflow-x: auto; } }
@media print { figure { break-inside: avoid; } }
`
