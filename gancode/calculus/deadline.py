"""A limit in time for code that knows of none.

`with within(seconds):` raises `OutOfTime` inside its block once the time is up, in whatever
pure-Python code runs there, in any thread. Only a C function that does not return delays it. A
watchdog, which is a thread of the block's own, throws the exception into the block's thread. Where
threads cannot be started, only `check`, called by the code itself, keeps the time.

Time is the work of the block's thread, so that the outcome does not depend on what else the machine
has to do; a block that waits instead of working has ten times as long. Where the work of a thread
cannot be told, it is the time that passes.

`OutOfTime` is no `Exception`, so that code which catches its own mistakes lets it pass. It belongs
to the outermost block whose time is up; `attempt` knows which of nested ones that is. Python
swallows, and reports, what is raised in a destructor or in the callback of a weak reference; there
the exception is not reported, and thrown again.
"""

import ctypes
import math
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NamedTuple

_RETRY = 0.005  # s: until a thread is looked at again that could not be interrupted
_REPEAT = 0.1  # s: until the exception is thrown again; a bare `except:` may have swallowed it
_PATIENCE = 10  # times the seconds of work: the seconds that may pass
# A browser computes several times slower and has no clock of work; who waits there can cancel.
_SLOWER = _PATIENCE if sys.platform == "emscripten" else 1

_WEAKREF = {
    kind.__init__.__code__.co_filename for kind in (weakref.WeakSet, weakref.WeakKeyDictionary)
}

_local = threading.local()  # .end: when the time of the innermost block is up


class OutOfTime(BaseException):
    """The time of the block is up."""


class within:
    """A context manager whose block has `seconds` (positive, or infinite) to end in.

    Blocks nest, and none lasts longer than those around it. What an interrupted computation may
    leave changed, the working precision of mpmath and of flint, is put back.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds * _SLOWER

    def __enter__(self) -> None:
        check()
        if not self._seconds > 0:
            raise OutOfTime
        self._outer, self._precisions = _end(), _precisions()
        end = _End.after(self._seconds)
        sooner = end.work < self._outer.work or end.wall < self._outer.wall
        self._watch = _Watch.start(end, sys._getframe(1)) if sooner else None
        _local.end = _End(*map(min, end, self._outer))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        while self._watch:
            try:
                self._watch.stop()
                self._watch = None
            except OutOfTime:  # too late: the block has ended
                continue
        _local.end = self._outer
        if kind is not None:
            for context, precision in self._precisions:
                context.prec = precision


def remaining() -> float:
    """Seconds until the time of the innermost block is up; infinite outside of all blocks."""
    return _end().left(worked())


def check() -> None:
    """Raise `OutOfTime` where the time is up, whether or not a watchdog could be started."""
    if remaining() <= 0:
        raise OutOfTime


def attempt(function: Callable, *args: Any, seconds: float, default: Any = None) -> Any:
    """function(*args), or `default` where it raises an `Exception` or takes longer than `seconds`.

    For asking an adviser whose answer is welcome and whose failure is no news. Raises `OutOfTime`
    where the time of a block around it is up.
    """
    try:
        with within(seconds):
            return function(*args)
    except OutOfTime:
        check()  # the time of a block around this one
        return default
    except Exception:
        return default


class _End(NamedTuple):
    """When the time is up: by the work of the thread, and by the clock on the wall."""

    work: float
    wall: float

    @classmethod
    def after(cls, seconds: float) -> "_End":
        return cls(worked() + seconds, time.monotonic() + _PATIENCE * seconds)

    def left(self, worked: float) -> float:
        return min(self.work - worked, self.wall - time.monotonic())


def _end() -> _End:
    return getattr(_local, "end", _End(math.inf, math.inf))


def worked(clock: int | None = None) -> float:
    """Seconds that this thread has worked, or the one whose clock is given."""
    if clock is None:
        clock = _clock()
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _clock() -> int | None:
    """The clock of this thread's work; None where there is none that others can read."""
    try:
        return time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):
        return None


def _precisions() -> list:
    """The contexts of the numerical libraries in use, each with its working precision."""
    contexts = [
        getattr(sys.modules[module], name)
        for module, name in (("mpmath", "mp"), ("flint", "ctx"))
        if hasattr(sys.modules.get(module), name)
    ]
    return [(context, context.prec) for context in contexts]


class _Watch:
    """A watchdog over one block: the frame that entered it, in the thread that made this."""

    @classmethod
    def start(cls, end: _End, frame: FrameType) -> "_Watch | None":
        self = cls()
        self._end, self._frame, self._target = end, frame, threading.get_ident()
        self._clock = _clock()
        self._over = threading.Event()
        self._firing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no threads here, as in a browser
            return None
        return self

    def stop(self) -> None:
        """Nothing is thrown from here on. May be interrupted itself, and is then called again."""
        with self._firing:
            self._over.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            left = self._end.left(worked(self._clock))
            if left <= 0:
                with _unreported:
                    self._fire()
                return
            pause = min(max(left, _RETRY), 3600)

    def _fire(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            stack = _stack(self._target)
            if self._frame not in stack:
                return
            pause = _RETRY
            if _may_be_interrupted(stack):
                with self._firing:
                    if not self._over.is_set():
                        _throw(OutOfTime, self._target)
                pause = _REPEAT


class _Unreported:
    """A context, for several threads at once, in which a swallowed `OutOfTime` is not reported."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before, sys.unraisablehook = sys.unraisablehook, self._report

    def __exit__(self, *error: Any) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and sys.unraisablehook == self._report:
                sys.unraisablehook = self._before

    def _report(self, what: Any) -> None:
        if not issubclass(what.exc_type, OutOfTime):
            self._before(what)


_unreported = _Unreported()


def _stack(thread: int) -> list:
    """The frames of a thread, the innermost first."""
    stack, frame = [], sys._current_frames().get(thread)
    while frame is not None:
        stack.append(frame)
        frame = frame.f_back
    return stack


def _may_be_interrupted(stack: Sequence[FrameType]) -> bool:
    """Not while a block opens or closes, a module is imported, or an object goes: none of these
    stays half done."""
    return not any(
        frame.f_code in (within.__enter__.__code__, within.__exit__.__code__)
        or frame.f_code.co_name == "__del__"
        or frame.f_code.co_filename.startswith("<frozen importlib")
        or frame.f_code.co_filename in _WEAKREF
        for frame in stack
    )


def _throw(error: type[BaseException], thread: int) -> None:
    """Have a thread raise `error` at its next step."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
