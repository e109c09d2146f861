import contextlib


class OutOfTime(BaseException):
    pass


@contextlib.contextmanager
def within(seconds):
    yield
