"""Print what the engine derives as JavaScript, for the games in the pages: `_static/games/`.

The small games are the Dirac-GANs of several objectives and penalties: the map of every training
method, and the polynomial whose roots are the eigenvalues of its Jacobian at the equilibrium. The
GAN in the page trains with the losses of the catalogue and their slopes, in the stable form in
which PyTorch gets them, and with the norms of the gradient penalties.

A game takes the place of an image, in a figure of the class `game-NAME`. Where there is no
JavaScript, in print and in the plain copies, the image stands. `browser/games/` holds the scripts
that play; with what is printed here they come into the built book, and are loaded by the pages that
have a game, when Sphinx loads this file (`setup`).

    python -m tools.games        draw the images anew: `_static/games/*.png`
"""

import itertools
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sympy
from docutils import nodes
from playwright.sync_api import sync_playwright
from sympy import Expr, Matrix, Rational, Symbol
from sympy.printing.jscode import JavascriptCodePrinter

from gancode.calculus import catalog
from gancode.calculus.game import Game
from gancode.calculus.norms import NORMS, PENALTIES, n
from gancode.calculus.stable import rationalised, stable
from gancode.calculus.symbols import a, b, gamma, psi, theta
from tools import chromium

ROOT = Path(__file__).resolve().parent.parent
PLAYED = ROOT / "browser" / "games"
FOLDER = "_static/games"
STILLS = {  # and after how many presses of "Step" they are drawn
    "game-methods": 0,
    "game-penalties": 0,
    "game-gan": 800,
}
ETA = Symbol("eta", positive=True)
J = sympy.symbols("j:4", real=True)  # the entries of a Jacobian, row by row
FORMULAS = ("softplus", "sigmoid", "relu", "heaviside")  # which games.js defines
SCRIPTS = {  # what a page loads for an image of a class
    "game-methods": ("games.js", "maps.js", "dirac.js"),
    "game-penalties": ("games.js", "maps.js", "dirac.js"),
    "game-gan": ("games.js", "losses.js", "gan.js", "stage.js"),
}
# What can be chosen in the small games. The names are those of the chapters.
OBJECTIVES = ("minimax", "nonsaturating", "least-squares", "exponential", "hinge", "wasserstein")
REMEDIES = ("none", "r1", "wgan-gp", "consensus", "instance-noise", "clipping")
METHODS: dict[str, tuple[str, dict]] = {
    "simultaneous": ("simultaneous", {}),
    "alternating": ("alternating", {}),
    "3 critic steps": ("alternating", {"repeats": {psi: 3}}),
    "extragradient": ("extragradient", {}),
    "optimistic": ("optimistic", {}),
    "momentum 1/2": ("momentum", {"momentum": Rational(1, 2)}),
    "momentum −1/2": ("momentum", {"momentum": -Rational(1, 2)}),
}


class _Printer(JavascriptCodePrinter):
    """SymPy's printer, and the functions of `FORMULAS` by these names."""

    def _by_name(self, expr):
        return f"{type(expr).__name__.lower()}({self._print(expr.args[0])})"

    _print_softplus = _print_sigmoid = _print_relu = _print_Heaviside = _by_name

    def _print_expm1(self, expr):
        return f"Math.expm1({self._print(expr.args[0])})"

    def _print_Piecewise(self, expr):
        return " ".join(super()._print_Piecewise(expr).split())

    def _print_DiracDelta(self, expr):
        return "0"  # the slope of a jump, as in `Game.simulate`


def printed(expressions: Iterable[Expr], arguments: Sequence[Symbol]) -> str:
    """A JavaScript function of numbers that returns the list of the expressions' values.

    Raises ValueError for an expression with other symbols, or with a function that has no
    counterpart here.
    """
    names = dict(zip(arguments, map(_name, range(len(arguments))), strict=True))
    expressions = [sympy.sympify(each).xreplace(names) for each in expressions]
    foreign = sympy.Tuple(*expressions).free_symbols - set(names.values())
    if foreign:
        raise ValueError(f"{foreign} in {expressions} is not among the arguments {arguments}")
    shared, forms = sympy.cse(expressions, sympy.numbered_symbols("t"))
    printer = _Printer({"strict": True})
    lines = [f"const {name}={printer.doprint(form)};" for name, form in shared]
    values = ",".join(map(printer.doprint, forms))
    body = re.sub(r" ([+-]) (?!-)", r"\1", "".join([*lines, f"return [{values}];"]))
    return f"({','.join(map(str, names.values()))})=>{{{body}}}"


def _name(k: int) -> Symbol:
    return Symbol(f"x{k}", real=True)


def game(objective: str, remedy: str, weight: Any = gamma) -> Game:
    """The Dirac-GAN of an objective under a remedy of this weight."""
    return catalog[objective].dirac(None if remedy == "none" else {remedy: weight})


def jacobian(played: Game) -> Matrix | None:
    """The Jacobian of a game's field at (0, 0); None where the field jumps there."""
    field, at = played.field(), dict.fromkeys(played.players, 0)
    kinks = field.atoms(sympy.sign, sympy.Heaviside)
    if any(kink.args[0].subs(at) == 0 for kink in kinks):
        return None
    return field.jacobian(played.players).subs(at)


def spectra() -> Iterator[tuple[str, list[Expr]]]:
    """Of every method, the characteristic polynomial of its map at an equilibrium, by the step and
    the entries `J` of the Jacobian there: coefficients, the leading one first."""
    of_theta, of_psi = Matrix(2, 2, J) * Matrix([theta, psi])
    linear = Game({theta: -sympy.integrate(of_theta, theta), psi: -sympy.integrate(of_psi, psi)})
    for name, (method, options) in METHODS.items():
        update = linear.update(method, ETA, **options)
        yield name, update.image.jacobian(update.state).charpoly().all_coeffs()


def maps() -> str:
    """The script with the small games: the maps, functions of the state, the step and the weight;
    the Jacobians of their fields, functions of the weight; and the methods' polynomials."""
    images, jacobians = [], []
    for objective, remedy in itertools.product(OBJECTIVES, REMEDIES):
        played = game(objective, remedy)
        found = jacobian(played)
        entries = "null" if found is None else printed(found, [gamma])
        jacobians.append(f"{json.dumps(f'{objective}|{remedy}')}:{entries}")
        for name, (method, options) in METHODS.items():
            update = played.update(method, ETA, **options)
            image = printed(update.image, [*update.state, ETA, gamma])
            images.append(f"{json.dumps(f'{objective}|{remedy}|{name}')}:{image}")
    polynomials = [f"{json.dumps(name)}:{printed(each, [ETA, *J])}" for name, each in spectra()]
    named = {"MAPS": images, "JACOBIANS": jacobians, "SPECTRA": polynomials}
    return "".join(f"games.{name}={_object(entries)};\n" for name, entries in named.items())


def losses() -> str:
    """The script with the catalogue's losses, as functions of the network's outputs on a real and
    on a generated sample: the critic's with both slopes, the generator's with its one in b; and the
    penalties: where each looks, and by which number its norm multiplies the gradient n of the
    critic, N′(n)/n."""
    found = []
    for name, objective in catalog.items():
        critic, generator = map(rationalised, objective.outputs)
        of_critic = [critic, critic.diff(a), critic.diff(b)]
        of_generator = [generator, generator.diff(b)]
        both = (printed(map(stable, each), [a, b]) for each in (of_critic, of_generator))
        found.append("{}:{{critic:{},generator:{}}}".format(json.dumps(name), *both))
    norms = [
        f"{json.dumps(name)}:{printed([norm, sympy.simplify(norm.diff(n) / n)], [n])}"
        for name, norm in NORMS.items()
    ]
    return (
        f"games.LOSSES={_object(found)};\ngames.NORMS={_object(norms)};\n"
        f"games.PENALTIES={json.dumps(PENALTIES)};\n"
    )


def _object(entries: list[str]) -> str:
    return "{\n" + ",\n".join(entries) + "\n}"


def write(folder: Path) -> None:
    """Copy the scripts that play into a folder, and print the others beside them."""
    shutil.copytree(PLAYED, folder, dirs_exist_ok=True)
    for name, script in {"maps.js": maps(), "losses.js": losses()}.items():
        (folder / name).write_text(
            f"{{\nconst {{{', '.join(FORMULAS)}}} = games.formulas;\n{script}}}\n", encoding="utf-8"
        )


def alone(folder: Path) -> None:
    """Write a page for each game, with nothing else in it; scripts and images beside it."""
    shutil.copytree(ROOT / FOLDER, folder, dirs_exist_ok=True)
    write(folder)
    head = "<!doctype html><meta charset=utf-8><link rel=stylesheet href=games.css>"
    head += "<style>body {font-family: sans-serif}</style>"
    for kind, names in SCRIPTS.items():
        scripts = [f"<script defer src={name}></script>" for name in names]
        image = f"<figure><img class={kind} src={kind}.png alt=''></figure>"
        (folder / f"{kind}.html").write_text("\n".join([head, *scripts, image]), encoding="utf-8")


def draw_stills() -> None:
    """Play each game for a while in Chromium, and keep its pictures."""
    press = """steps => {
        const step = document.querySelectorAll(".game-buttons button")[1];
        for (let k = 0; k < steps; k++) step.click();
    }"""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find())
        shown = browser.new_page(viewport={"width": 780, "height": 900}, device_scale_factor=1.5)
        alone(Path(folder))
        for kind, steps in STILLS.items():
            shown.goto((Path(folder) / f"{kind}.html").as_uri())
            shown.evaluate(press, steps)
            pictures = shown.locator(".game-pictures")
            pictures.screenshot(path=ROOT / FOLDER / f"{kind}.png")
        browser.close()


def setup(app: Any) -> None:
    """Have Sphinx print the scripts into the built book, and load them on the pages with games."""

    def begin(app):
        if app.builder.format == "html":
            write(Path(app.outdir) / FOLDER)

    def add(app, page, template, context, tree):
        images = tree.findall(nodes.image) if tree else ()
        shown = {name for image in images for name in image["classes"]}
        scripts = dict.fromkeys(
            name for kind, names in SCRIPTS.items() if kind in shown for name in names
        )
        if scripts:
            app.add_css_file("games/games.css")
        for name in scripts:
            app.add_js_file(f"games/{name}", loading_method="defer")

    app.connect("builder-inited", begin)
    app.connect("html-page-context", add)


if __name__ == "__main__":
    draw_stills()
