"""What all tests share: the same signals, however the tests were started."""

import signal


def pytest_configure() -> None:
    """Undo what nohup, or a shell that starts a job in the background, has ignored: our children would inherit it."""
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
