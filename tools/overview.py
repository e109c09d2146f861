"""Draw the figure of the landing page and the README: `_static/overview.png`.

    python tools/overview.py

Left, the critic that theory derives beside one that was trained; right, digits while the recipe of
the package learns, from the results of `gancode.benchmarks.dcgan`. It takes a few seconds.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import sympy
import torch

import gancode
from gancode import data, networks, plots
from gancode.benchmarks import dcgan
from gancode.benchmarks.digits_mlp import pictures
from gancode.calculus import catalog, p, q

ROOT = Path(__file__).resolve().parent.parent
OBJECTIVE = catalog["nonsaturating"]


def trained_critic(real, generated, steps=3000):
    """A network trained to tell two fixed densities apart, with the compiled loss."""
    rng = gancode.seed(0)
    critic = networks.mlp_discriminator(1, (64, 64))
    adam = torch.optim.Adam(critic.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    loss, _ = OBJECTIVE.torch()
    for _ in range(steps):
        batch = torch.cat([real.sample(512, rng), generated.sample(512, rng)])
        logits_real, logits_generated = critic(batch).chunk(2)
        adam.zero_grad()
        loss(logits_real, logits_generated).backward()
        adam.step()
        schedule.step()
    return critic


def digits(at=(20, 50, 100, 200, 300, 1000, 3000)):
    """Pairs: (step, seconds of one thread) and samples from 0 to 9 of ten latents, after so many
    steps."""
    for frame in dcgan.results()["recipe"]:
        if frame["step"] in at:
            yield (frame["step"], frame["seconds"]), pictures(frame["sheet"])[:10]


def draw():
    """The figure, as a matplotlib Figure."""
    real, generated = data.gaussian(1.0, 0.7), data.mixture([[-1.5], [0.5]], [0.6, 1.0], [0.4, 0.6])
    critic = trained_critic(real, generated)
    optimal = sympy.lambdify((p, q), OBJECTIVE.optimal_critic(), "numpy")

    x = torch.linspace(-3.5, 3.5, 400)[:, None]
    densities = [d.log_prob(x).exp() for d in (real, generated)]
    figure, (left, right) = plots.figure(1, 2, height=3.4, width_ratios=[1, 1.05])
    left.fill_between(x[:, 0], 4 * densities[0], color=plots.REAL, alpha=0.2, label="data $p$")
    left.fill_between(
        x[:, 0], 4 * densities[1], color=plots.GENERATED, alpha=0.2, label="generator $q$"
    )
    with torch.no_grad():
        left.plot(x, critic(x), label="critic, trained", **plots.ROLES["measured"])
    left.plot(x, optimal(*densities), label=r"derived: $\log\,(p/q)$", **plots.ROLES["theory"])
    left.set(
        xlim=(-3.5, 3.5), ylim=(-7, 5), xlabel="$x$", ylabel="logit", title="Derived, and trained"
    )
    left.legend(loc="lower right")

    rows = dict(digits())
    plots.images(torch.cat(list(rows.values())), columns=10, ax=right)
    right.set_title("Digits, as training goes on")
    for row, (step, seconds) in enumerate(rows):
        right.text(-6, 30 * row + 15, f"{step:,}", ha="right", va="center")
        right.text(304, 30 * row + 15, f"{seconds:.0f} s", ha="left", va="center")
    right.text(-6, -9, "steps", ha="right", va="center")
    right.text(304, -9, "time", ha="left", va="center")
    return figure


if __name__ == "__main__":
    figure = draw()
    figure.savefig(ROOT / "_static" / "overview.png")
    plt.close(figure)
