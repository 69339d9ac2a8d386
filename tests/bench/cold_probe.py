"""One cold start: `python cold_probe.py <folder of the function> <its first event as JSON>`, in an interpreter that has the function's
layers and nothing else. Its last line is JSON; CPU times in seconds from the start of the process."""

import json
import sys
import time
from pathlib import Path

BEGAN, WALL_BEGAN = time.process_time(), time.monotonic()


def main(folder: str, asked: str) -> None:
    first = json.loads(asked)
    sys.path.append(folder)
    import handler

    imported = time.process_time()
    answer = answer_of(handler, first)
    ended, wall_s = time.process_time(), time.monotonic() - WALL_BEGAN
    told = {
        "interpreter_s": BEGAN,
        "imported_s": imported - BEGAN,
        "answered_s": ended - imported,
        "wall_s": wall_s,
        "peak_bytes": peak_bytes(),
        "status": answer.get("statusCode") if isinstance(answer, dict) else None,
    }
    print(f"\n{json.dumps(told)}")


def peak_bytes() -> int:
    """0 where the system does not say: getrusage would count what the parent had when it forked."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def answer_of(handler: object, first: dict) -> object:
    if first["event"] is not None:
        return handler.handle(first["event"], Context())
    from tollgate import wiring

    for name in first["made"]:
        getattr(wiring, name)()
    return None


class Context:
    aws_request_id = "7f1d2c3b-0a49-4c55-9e21-6b8d3f7a1c20"
    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"

    def get_remaining_time_in_millis(self) -> int:
        return 40_000


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
