"""A project's hard limit of a month. OpenAI's own enforcement is not instantaneous; this one is."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

from infra.local.openai_server.api_error import ApiError
from infra.local.openai_server.organization import Project
from infra.local.openai_server.service import Service

CENTS = 100


def check_spend(service: Service, project: Project) -> None:
    """What OpenAI refuses a call with whose project has spent its month's limit. Raises ApiError."""
    if is_over_limit(service, project):
        raise ApiError(
            status=429,
            message="Your project has reached its monthly spend limit.",
            type="insufficient_quota",
            code="project_spend_limit_exceeded",
        )


def is_over_limit(service: Service, project: Project) -> bool:
    if project.limit_cents is None:
        return False
    month, spent = f"{datetime.now(UTC):%Y-%m}", service.books.meter.spent
    return sum(
        (spent.get((each, month), Fraction(0)) for each in service.organization.hashes(project)), Fraction(0)
    ) >= (Fraction(project.limit_cents, CENTS))
