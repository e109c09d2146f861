"""What the theme does not do for the built pages: a Sphinx extension.

Each room works on the site that Sphinx has written: `formulas` ships MathJax, `access` helps those
who hear a page, `finding` those who look for something, `launch` those who want to run it, and
`bundle`, at last, makes pages light.
"""

from pathlib import Path

from pybtex.backends import plaintext
from pybtex.plugin import register_plugin

from tools import configure, fetch
from tools.page import access, bundle, finding, formulas, launch


def setup(app) -> None:
    """Have formulas drawn by our MathJax, and the pages finished when all are written."""
    app.config.mathjax_path = formulas.PATH
    app.config.mathjax3_config = formulas.CONFIGURATION
    # Looked for among all that is installed, at every citation, if it is not registered.
    register_plugin("pybtex.backends", "plaintext", plaintext.Backend, force=True)
    app.connect("builder-inited", start)
    app.connect("env-updated", lambda app, env: list(env.all_docs))  # each page is written anew
    app.connect("html-page-context", launch.lead, priority=600)  # after the theme's own
    app.connect("html-collect-pages", lambda app: [finding.lost_page()])
    app.connect("build-finished", finish, priority=900)  # after the theme has coloured code


def start(app) -> None:
    """Remove the pages of an earlier build: what is finished cannot be finished again."""
    for page in bundle.pages(Path(app.outdir)) if app.builder.name == "html" else ():
        page.unlink()


def finish(app, error) -> None:
    """Complete the site."""
    if error is None and app.builder.name == "html":
        site = Path(app.outdir)
        formulas.write(fetch.npm_packages(), site / "_static")
        finding.complete(site, configure.pages(Path(app.srcdir)))
        for page in bundle.pages(site):
            access.improve(page)
        bundle.pack(site)
