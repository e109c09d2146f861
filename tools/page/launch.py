"""Launch buttons for the pages that are no notebooks themselves."""

from sphinx_book_theme.header_buttons.launch import add_launch_buttons

from tools import chinese

START = "chapters/game/value_function"  # where a page has no notebook; the README opens it too
LABEL = "launch-buttons"


def lead(app, page, template, context, doctree) -> None:
    """Where the theme has given a page no launch buttons, give it those of its notebook."""
    if any(button.get("label") == LABEL for button in context["header_buttons"]):
        return
    other = chinese.original(page)
    if not (other in app.env.found_docs and app.env.doc2path(other).endswith(".ipynb")):
        other = START
    # The list of the buttons is that of this page.
    seen = context | {"pagename": other, "sourcename": f"{other}.ipynb"}
    add_launch_buttons(app, other, template, seen, doctree)
