"""python -m infra.local up | down | status | logs | clean | postgres stop | postgres start"""

import argparse
import os
import signal
import sys
from types import FrameType

from infra.local import stack
from infra.local.configuration import Configuration, StackError, read_configuration


def main() -> int:
    chosen = parse()
    # Whatever ends us, what we started is ended too. SIGINT as well: a shell has it ignored for what it starts with `&`.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        return run(chosen, read_configuration())
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: nothing of the stack is left running.", file=sys.stderr)
        return 130


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="The local stack.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "status", "logs", "clean"):
        commands.add_parser(name)
    commands.add_parser("postgres").add_argument("deed", choices=["stop", "start"])
    return parser.parse_args()


def run(chosen: argparse.Namespace, configuration: Configuration) -> int:
    match chosen.command:
        case "up":
            print(stack.up(configuration))
        case "down":
            stack.down(configuration)
            print("The stack is down.")
        case "clean":
            stack.clean(configuration)
        case "status":
            return 0 if stack.status(configuration) else 1
        case "logs":
            return follow(configuration)
        case "postgres" if chosen.deed == "stop":
            stack.stop_postgres(configuration)
        case "postgres":
            stack.start_postgres(configuration)
    return 0


def follow(configuration: Configuration) -> int:
    files = stack.log_files(configuration)
    if not files:
        raise StackError("There are no logs yet: make up")
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])  # noqa: S606


def interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
