"""What the theme does not do for the built pages: a Sphinx extension.

`formulas` ships MathJax, `bundle` makes pages light. Both work on the site that Sphinx has written.
"""

from pathlib import Path

from tools import fetch
from tools.page import bundle, formulas


def setup(app) -> None:
    """Have formulas drawn by our MathJax, and the pages finished when all are written."""
    app.config.mathjax_path = formulas.PATH
    app.config.mathjax3_config = formulas.CONFIGURATION
    app.connect("build-finished", finish)


def finish(app, error) -> None:
    """Complete the site."""
    if error is None and app.builder.name == "html":
        site = Path(app.outdir)
        formulas.write(fetch.npm_packages(), site / "_static")
        bundle.pack(site)
