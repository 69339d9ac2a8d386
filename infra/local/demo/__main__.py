"""make demo: a busy morning on the local stack, and the proof that the books agree afterwards."""

import io
import json
import logging
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

from infra.local import daemons, services, stack
from infra.local.__main__ import interrupt
from infra.local.configuration import Configuration, StackError, read_configuration
from infra.local.demo.demonstration import Demonstration
from infra.local.demo.screen import Screen


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    # Importing ministack's parts turns every library's chatter on.
    logging.getLogger().setLevel(logging.WARNING)
    screen = Screen()
    try:
        configuration = read_configuration()
        with standing_stack(configuration, screen) as told:
            return 0 if Demonstration(told, configuration, screen).run() else 1
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


@contextmanager
def standing_stack(configuration: Configuration, screen: Screen) -> Iterator[Mapping[str, Any]]:
    """What stack.json says. A stack that was down before is taken down again, whatever happens in between."""
    was_up = daemons.running(configuration.state, services.GATEWAY) is not None
    began = time.monotonic()
    # Its greeting invites to a stack that is about to go.
    with (
        screen.waiting("Building, starting and deploying the stack (the first time takes some minutes) ..."),
        redirect_stdout(io.StringIO()),
    ):
        stack.up(configuration)
    try:
        screen.say(f"The stack {'was up' if was_up else 'is up'} ({time.monotonic() - began:.0f} s).")
        yield json.loads((configuration.state / "stack.json").read_text(encoding="utf-8"))
    finally:
        if not was_up:
            with screen.waiting("Taking the stack down ..."):
                stack.down(configuration)
            screen.say("The stack is down again; make up leaves it running.", style="dim")


if __name__ == "__main__":
    sys.exit(main())
