"""The functions that the agents may call, as the shops' scheduling system has them."""

from collections.abc import Mapping
from typing import Any

from infra.local.demo.conversation import Tool


def text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def choice(description: str, *values: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "enum": list(values)}


def find_slots(answer: Mapping[str, Any]) -> Tool:
    return Tool(
        name="find_slots",
        description="Finds open arrival windows on the board for a kind of work and a zone of the city.",
        parameters={
            "business_unit": text("Such as 'HVAC service' or 'Plumbing service'"),
            "zip": text("Five digits of the service address"),
            "earliest": text("First acceptable date, yyyy-mm-dd"),
            "urgency": choice("How long it can wait", "emergency", "today", "this_week", "flexible"),
        },
        answer=answer,
    )


def book_job(answer: Mapping[str, Any]) -> Tool:
    return Tool(
        name="book_job",
        description="Books a job into an arrival window and texts the customer a confirmation.",
        parameters={
            "customer_name": text("As the customer gives it"),
            "address": text("Street and number"),
            "phone": text("For the arrival text"),
            "window_id": text("The id that find_slots gave"),
            "job_type": text("Such as 'No heat' or 'Water heater leaking'"),
            "summary": text("What the technician should know before the door opens"),
        },
        answer=answer,
    )


def assign_technician(answer: Mapping[str, Any]) -> Tool:
    return Tool(
        name="assign_technician",
        description="Puts a technician on a job; the board moves the rest of that technician's day.",
        parameters={
            "job_id": text("The job's number"),
            "technician": text("First name as on the board"),
            "start": text("Start of the arrival window, HH:MM"),
            "reason": text("Why this one, for the dispatcher who reads the log"),
        },
        answer=answer,
    )


def reschedule_job(answer: Mapping[str, Any]) -> Tool:
    return Tool(
        name="reschedule_job",
        description="Moves a booked job to another window and tells the customer why.",
        parameters={
            "job_id": text("The job's number"),
            "window_id": text("The new window"),
            "cause": choice("Why it moves", "parts", "permit", "crew", "weather", "customer"),
            "note_to_customer": text("One or two sentences, no jargon"),
        },
        answer=answer,
    )
