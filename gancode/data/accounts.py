"""Accounts of credit cards, and which of them missed the next payment.

Reached through `gancode.data` as well.
"""

import gzip
from pathlib import Path

import numpy as np
import torch

FILE = Path(__file__).with_name("payments.csv.gz")  # written by `tools/payments.py`
MONTHS = (0, 2, 3, 4, 5, 6)  # September 2005, August, and so on back to April, as the source counts
COLUMNS = (
    "LIMIT_BAL",
    *(f"PAY_{k}" for k in MONTHS),
    *(f"BILL_AMT{k}" for k in range(1, 7)),
    *(f"PAY_AMT{k}" for k in range(1, 7)),
)


def payments() -> tuple[torch.Tensor, torch.Tensor]:
    """5,000 clients of a bank in Taiwan in 2005, every sixth of the 30,000 of Yeh and Lien (2009);
    no download.

    Returns the figures, float32 of shape (5000, 19), and the labels, int64 of shape (5000,): 1 for
    the 22 % of clients who missed the payment due in October, 0 for the others. The columns are
    `gancode.data.accounts.COLUMNS`: the limit of the account; its status in September, August, and
    so on back to April, where a positive number counts the months of delay, −1 is paid in time, and
    −2 and 0 occur without an explanation in the source; the bills of these months, and what was
    paid in them. Amounts are in New Taiwan dollars. Sex, education, marriage and age, which the
    source has too, were left out: no score in this book may hang on them. Source and licence stand
    in `payments.md` beside the file.
    """
    with gzip.open(FILE, "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1, dtype=np.float32)
    return torch.from_numpy(table[:, :-1].copy()), torch.from_numpy(table[:, -1].astype(np.int64))
