"""Limits in time: what runs too long is stopped, and nothing else ever is."""

import gc
import math
import statistics
import subprocess
import sys
import threading
import time
import weakref

import mpmath
import pytest
import sympy

from gancode.calculus import deadline
from gancode.calculus.deadline import OutOfTime, attempt, check, remaining, within


def spin(seconds=30.0):
    """Pure Python that ends by itself only after so much work."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(100))
    return "done"


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert remaining() == math.inf
    assert "deadline" not in [thread.name for thread in threading.enumerate()]
    spin(0.02)  # whatever was thrown too late would come now


def test_what_runs_too_long_is_stopped_and_what_does_not_is_left_alone():
    began = time.thread_time()
    with pytest.raises(OutOfTime):
        with within(0.05):
            spin()
    assert 0.05 <= time.thread_time() - began < 0.5
    with within(60):
        assert spin(0.01) == "done" and 0 < remaining() < 60
    with within(math.inf):
        assert remaining() == math.inf


def test_the_time_is_that_of_work_and_waiting_has_its_limit_too():
    with within(0.2):
        time.sleep(0.5)
        spin(0.01)
    with pytest.raises(OutOfTime):
        with within(0.05):
            while True:
                time.sleep(0.01)


def test_where_the_work_of_a_thread_cannot_be_told_it_is_the_time_that_passes(monkeypatch):
    monkeypatch.delattr(time, "pthread_getcpuclockid")
    with pytest.raises(OutOfTime):
        with within(0.1):
            for _ in range(100):
                time.sleep(0.01)
    assert attempt(spin, seconds=0.05, default="late") == "late"


def test_a_loop_of_the_block_itself_is_stopped():
    with pytest.raises(OutOfTime):
        with within(0.05):
            while True:
                pass


def test_symbolic_computations_that_never_end_are_stopped():
    x = sympy.Symbol("x", positive=True)
    slow = sympy.prod(sympy.exp(x / k) + k for k in range(1, 60))
    assert attempt(sympy.expand, slow, seconds=0.2) is None
    assert sympy.simplify(sympy.sin(x) ** 2 + sympy.cos(x) ** 2) == 1  # and SymPy is as it was


def test_code_that_catches_every_exception_does_not_catch_this_one():
    def careless():
        while True:
            try:
                spin()
            except Exception:
                pass

    assert attempt(careless, seconds=0.05, default="late") == "late"


def test_code_that_swallows_everything_is_stopped_all_the_same():
    def worse(times=2):
        for _ in range(times):
            try:
                spin()
            except:  # noqa: E722
                pass
        spin()

    assert attempt(worse, seconds=0.05, default="late") == "late"


@pytest.fixture
def reported(monkeypatch):
    """What Python swallowed and reported, by the name of its kind."""
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: reports.append(what.exc_type.__name__))
    yield reports
    gc.collect()
    assert sys.unraisablehook.__name__ == "<lambda>"  # it is as it was before the block


class Garbage:
    """A circle of objects that only the collector frees, and that has work to do as it goes."""

    references = []
    last_words = staticmethod(list)  # an object may be stopped before it has its own

    def __init__(self, last_words):
        self.last_words = last_words
        self.itself = self
        Garbage.references = Garbage.references[-100:] + [weakref.ref(self, last_words)]

    def __del__(self):
        self.last_words()


def test_what_is_swallowed_as_objects_go_is_not_reported_and_the_block_ends(reported):
    def last_words(*_):
        sum(range(2000))

    def litter():
        while True:
            Garbage(last_words)
            sum(range(2000))

    gc.collect()
    assert [attempt(litter, seconds=0.01, default="late") for _ in range(50)] == ["late"] * 50
    assert reported == []


def test_other_errors_that_are_swallowed_are_reported(reported):
    def last_words(*_):
        raise ValueError

    def litter():
        while True:
            Garbage(last_words)

    assert attempt(litter, seconds=0.02, default="late") == "late"
    gc.collect()
    assert set(reported) == {"ValueError"}


def test_threads_share_what_is_not_reported(reported):
    def litter(end):
        def last_words(*_):
            sum(range(2000))

        with pytest.raises(OutOfTime), within(end):
            while True:
                Garbage(last_words)
                sum(range(2000))

    threads = [threading.Thread(target=litter, args=(0.02 * k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reported == []


def test_the_inner_time_is_up_first():
    with within(30):
        assert attempt(spin, seconds=0.05, default="inner") == "inner"
        assert 20 < remaining() < 30
        assert spin(0.01) == "done"


def test_the_outer_time_is_up_first():
    reached = []
    with pytest.raises(OutOfTime):
        with within(0.05):
            attempt(spin, seconds=30)
            reached.append(True)
    assert not reached  # the inner attempt does not answer for the outer block


def test_an_inner_block_ends_with_the_outer_one_at_the_same_moment():
    for _ in range(30):
        outcomes = []
        with pytest.raises(OutOfTime):
            with within(0.03):
                for _ in range(10_000):
                    outcomes.append(attempt(spin, seconds=0.01, default="late"))
        assert outcomes == ["late"] * len(outcomes) and len(outcomes) < 4


def test_what_ends_just_in_time_is_never_stopped_later():
    """Blocks end about when their time is up: each is stopped inside, or not at all."""
    stopped = 0
    for k in range(300):
        try:
            with within(0.003):
                spin(0.003 + 0.01 * k / 300)  # a watchdog may be 5 ms late
        except OutOfTime:
            stopped += 1
        spin(0.0005)  # outside: a late arrival would break the test here
    assert 0 < stopped < 300


def test_an_exception_thrown_as_the_block_ends_is_not_raised(monkeypatch):
    throw, thrown = deadline._throw, []

    def slow(error, thread):
        begun.set()
        time.sleep(0.2)  # meanwhile the block ends
        thrown.append(error)
        throw(error, thread)

    monkeypatch.setattr(deadline, "_throw", slow)
    for _ in range(5):
        begun = threading.Event()
        with within(0.01):
            assert begun.wait(30)
        spin(0.02)
    assert len(thrown) == 5


def test_exceptions_of_the_block_come_through_and_those_of_an_attempt_do_not():
    with pytest.raises(ZeroDivisionError):
        with within(30):
            1 / 0  # noqa: B018
    assert attempt(lambda: 1 / 0, seconds=30, default="failed") == "failed"
    assert attempt(divmod, 7, 2, seconds=30) == (3, 1)
    with pytest.raises(KeyboardInterrupt):
        attempt(lambda: (_ for _ in ()).throw(KeyboardInterrupt), seconds=30)


def test_no_time_at_all():
    with pytest.raises(OutOfTime):
        with within(0):
            raise AssertionError("the block is not begun")
    assert attempt(spin, seconds=-1, default="late") == "late"


def test_threads_are_stopped_each_by_its_own_limit():
    outcomes = {}

    def work(name, seconds, length):
        outcomes[name] = attempt(spin, length, seconds=seconds, default="late")

    threads = [
        threading.Thread(target=work, args=(k, 0.05 if k % 2 else 30, 30 if k % 2 else 0.3))
        for k in range(6)
    ]
    for thread in threads:
        thread.start()
    assert spin(0.2) == "done"  # this thread has no limit
    for thread in threads:
        thread.join()
    assert outcomes == {k: "late" if k % 2 else "done" for k in range(6)}


def test_an_import_is_not_torn_in_two(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nend = time.monotonic() + 0.3\nwhile time.monotonic() < end: pass\nvalue = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def load():
        import slow_to_import

        return slow_to_import.value

    outcome = attempt(load, seconds=0.05, default="late")
    assert sys.modules["slow_to_import"].value == 1 and outcome in (1, "late")


def test_the_working_precision_is_put_back():
    before = mpmath.mp.prec

    def careless():
        mpmath.mp.prec = 999
        spin()

    attempt(careless, seconds=0.05)
    assert mpmath.mp.prec == before


def test_where_no_thread_can_be_started_checks_keep_the_time(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    def polite():
        while True:
            spin(0.001)
            check()

    with within(30):
        assert attempt(polite, seconds=0.05, default="late") == "late"
        check()
    assert attempt(spin, 0.05, seconds=0.01) == "done"  # nobody looked


def test_a_block_costs_little_more_than_the_thread_that_watches_it():
    def bare():
        over = threading.Event()
        thread = threading.Thread(target=over.wait)
        thread.start()
        over.set()
        thread.join()

    def block():
        attempt(abs, -1, seconds=30)

    def seconds(call):
        began = time.perf_counter()
        for _ in range(20):
            call()
        return time.perf_counter() - began

    taken = [(seconds(bare), seconds(block)) for _ in range(25)]
    bare_median, block_median = map(statistics.median, zip(*taken, strict=True))
    assert block_median < 4 * bare_median  # measured: 1.1 to 1.5, beside other work too


def test_the_module_loads_nothing_large():
    code = "import sys; import importlib.util as u\n"
    code += f"spec = u.spec_from_file_location('deadline', {deadline.__file__!r})\n"
    code += "module = u.module_from_spec(spec); spec.loader.exec_module(module)\n"
    code += "assert not {'sympy', 'mpmath', 'numpy'} & set(sys.modules)\n"
    code += "assert module.attempt(abs, -3, seconds=1) == 3"
    subprocess.run([sys.executable, "-c", code], check=True)
