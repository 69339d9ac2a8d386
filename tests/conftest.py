"""Hypothesis profiles: `ci` is fast and the same every time; `soak` looks for what nobody has seen yet (HYPOTHESIS_PROFILE=soak)."""

import os

from hypothesis import HealthCheck, Phase, settings

QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
# Shrinking a long history is worth minutes to whoever hunts a fault, and nothing to a machine that only says red or green.
QUICK = (Phase.explicit, Phase.generate)

settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=60, suppress_health_check=QUIET, database=None
)
settings.register_profile("soak", deadline=None, max_examples=5_000, suppress_health_check=QUIET, print_blob=True)
settings.register_profile("quick", parent=settings.get_profile("ci"), phases=QUICK)
# What the template sets for every function; the handlers under test read it when they are imported.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tollgate")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "tollgate")

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
