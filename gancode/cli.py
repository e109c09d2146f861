"""The command line: `gancode analyze`."""

import argparse
import re
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 2 where the input is refused (as argparse has it)."""
    parser = argparse.ArgumentParser(
        prog="gancode", description="The calculus of generative adversarial networks."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    analyze = commands.add_parser(
        "analyze",
        help="print the theory of an objective",
        description=(
            "Print the theory of an objective: its optimal critic, the divergence it minimises, "
            "how hard each sample pulls on the generator, and whether that pull saturates."
        ),
        epilog=(
            "examples:\n"
            "  gancode analyze minimax\n"
            '  gancode analyze "softplus(-a) + softplus(b)" --generator "softplus(-b)"\n'
            '  gancode analyze "max(0, 1 - a)**2 + max(0, 1 + b)**2"'
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    analyze.add_argument(
        "objective",
        help="a name of the catalogue, or the critic's loss as an expression in a (its value on a "
        "real sample) and b (on a generated one)",
    )
    analyze.add_argument(
        "--generator",
        metavar="EXPRESSION",
        help="the generator's loss as an expression in b, or in a and b where the critic's mixes "
        "them; without it, the zero-sum one: minus the critic's loss on generated samples",
    )
    # A leading space keeps argparse from taking an expression such as -a+b for an option.
    words = sys.argv[1:] if arguments is None else arguments
    words = [f" {word}" if re.match(r"-(?!-|h$)", word) else word for word in words]
    options = parser.parse_args(words)
    try:
        print(_analyze(options.objective, options.generator))
    except ValueError as error:
        print(f"gancode: {error}", file=sys.stderr)
        return 2
    return 0


def _analyze(text: str, generator: str | None):
    from .calculus import Objective, ObjectiveError, catalog, parse

    if text in catalog:
        if generator is not None:
            raise ObjectiveError(
                f"{text!r} has a generator's loss already; --generator goes with an expression"
            )
        return catalog[text].report()
    if text.replace("-", "").isalpha() and text not in ("a", "b"):
        raise ObjectiveError(
            f"unknown objective {text!r}; it must be one of {', '.join(catalog)}, or an expression"
        )
    critic = parse(text)
    if generator is None:
        return Objective.zero_sum(critic).report()
    return Objective(critic, parse(generator)).report()


if __name__ == "__main__":
    sys.exit(main())
