"""A plugin of pytest that runs tests with mutants of the code, until one fails: a process of its own for each mutant.

The process that has collected the tests is forked, so a mutant costs no start and no import, and cannot disturb the
next one.  First all tests run once without a mutant; then a mutant gets only the tests that execute its statement,
the quickest first.  A test that does not end is ended by its limit of CPU time, whatever else this machine does.
"""

import builtins
import json
import math
import os
import resource
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import pytest

from tests.mutation.graft import graft, instrument
from tests.mutation.target import Mutant, Target

CPU_SECONDS = 5
"""A test that needs so much more than twice its time without a mutant is in an endless loop: most take milliseconds."""

MEMORY = 3 << 30
"""An endless loop may also fill the memory."""

SILENT_SECONDS = 300
"""After so long a mutant without a result is taken for a deadlock."""


class Trial(NamedTuple):
    """What a test has done without a mutant."""

    seconds: float
    """Of CPU time."""
    is_passed: bool
    lines: frozenset[tuple[str, int]]
    """The statements that it has executed: module and line."""


class Verdict(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    killer: str
    """The test that failed, or why there is no result; empty = it survives."""
    judges: int
    """How many tests execute it."""


class Judge:
    """Judges mutants by the tests that pytest has collected."""

    def __init__(
        self, targets: Sequence[Target], mutants: Sequence[Mutant], jobs: int, report: Callable[[Verdict], None]
    ) -> None:
        self.targets, self.mutants, self.jobs, self.report = targets, mutants, jobs, report
        self.trials: dict[str, Trial] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out tests of random examples, which take seconds, and those with files, which are not of pure code."""
        items[:] = [item for item in items if not _is_slow(item)]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self.trials = self.try_all(items)
        waiting = iter(self.mutants)
        running: dict[int, _Child] = {}
        while True:
            while len(running) < self.jobs and (mutant := next(waiting, None)):
                child = self.begin(mutant, items)
                running[child.pipe] = child
            if not running:
                return True
            ready, _, _ = select.select(list(running), [], [], 1)
            for pipe, child in list(running.items()):
                if pipe in ready or time.monotonic() > child.until:
                    del running[pipe]
                    self.report(child.end())

    def try_all(self, items: dict[str, pytest.Item]) -> dict[str, Trial]:
        """Run all tests without a mutant, and notice which statements each of them executes."""

        def run() -> Iterator[str]:
            executed: set[tuple[str, int]] = set()
            vars(builtins)["__executed__"] = executed.add
            caches = [found for target in self.targets for found in vars(target.module).values()]
            for target in self.targets:
                instrument(target.module)
            for name, item in items.items():
                executed.clear()
                for cached in caches:
                    getattr(cached, "cache_clear", int)()  # else only the first test that needs it executes it
                began = time.process_time()
                is_passed = not has_failed(item)
                yield json.dumps([name, time.process_time() - began, is_passed, sorted(executed)]) + "\n"

        child = _Child.fork(run, None, 0)
        found = {}
        with os.fdopen(child.pipe) as lines:
            for line in lines:
                name, seconds, is_passed, executed = json.loads(line)
                found[name] = Trial(seconds, is_passed, frozenset((module, number) for module, number in executed))
        os.waitpid(child.pid, 0)
        return {name: found.get(name, Trial(0, is_passed=False, lines=frozenset())) for name in items}

    def begin(self, mutant: Mutant, items: dict[str, pytest.Item]) -> "_Child":
        """Start a process in which the tests of a mutant run, until one fails."""
        line = (mutant.target.module.__name__, mutant.mutation.line)
        # What is executed at the import belongs to no test: then the tests of the module come first.
        own = mutant.target.test_file if not mutant.mutation.line else ""
        chosen = [
            (own not in name, trial.seconds, name)
            for name, trial in self.trials.items()
            if trial.is_passed and (line in trial.lines or own)
        ]

        def run() -> Iterator[str]:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            limit_cpu(CPU_SECONDS)
            try:
                with mutant.mutation.applied():
                    graft(mutant.target.module, mutant.target.tree)
            except Exception as error:  # noqa: BLE001 - whatever the import of a mutant raises
                yield f"its import: {error!r}"
                return
            for _, seconds, name in sorted(chosen):
                limit_cpu(CPU_SECONDS + 2 * seconds)
                if has_failed(items[name]):
                    yield name
                    return
            yield "survives"

        return _Child.fork(run, mutant, len(chosen))


def limit_cpu(seconds: float) -> None:
    """Let this process end if it uses so much CPU time from now on."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def _is_slow(item: pytest.Item) -> bool:
    has_examples = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return has_examples or "tmp_path" in getattr(item, "fixturenames", ())


def has_failed(item: pytest.Item) -> bool:
    """Run a test with new fixtures, without pytest's reports: these take longer than the tests of pure code."""
    setups = item.session._setupstate
    begin: Callable[[], None] | None = getattr(item, "_initrequest", None)
    if begin is not None:
        begin()  # the fixtures of a function can be used in one run only
    try:
        try:
            setups.setup(item)
            item.runtest()
        finally:
            setups.teardown_exact(None)
    except pytest.skip.Exception:
        return False
    except BaseException:  # noqa: BLE001 - pytest.fail, and whatever a mutant raises
        return True
    return False


class _Child(NamedTuple):
    pid: int
    pipe: int
    until: float
    mutant: Mutant | None
    judges: int

    @classmethod
    def fork(cls, run: Callable[[], Iterator[str]], mutant: Mutant | None, judges: int) -> "_Child":
        """Run this in a process of its own, which writes what it yields."""
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            with suppress(BaseException):
                os.close(reading)
                for text in run():
                    os.write(writing, text.encode())
            os._exit(0)
        os.close(writing)
        return cls(pid, reading, time.monotonic() + SILENT_SECONDS, mutant, judges)

    def end(self) -> Verdict:
        """Read the result, and end the process."""
        assert self.mutant is not None
        is_ended = bool(select.select([self.pipe], [], [], 0)[0])
        answer = os.read(self.pipe, 4096).decode() if is_ended else "no end"
        with suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)
        killer = {"survives": "", "": "it ended its process, or the limit did"}.get(answer, answer)
        return Verdict(self.mutant, killer, self.judges)
