"""Charts as SVG, drawn once for pages and reports: crisp, printable, without scripts, each with words and numbers.

A chart is a function of plain values that returns Markup; colours are classes of the page's style.
"""
