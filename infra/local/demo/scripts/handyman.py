"""A shop of two in Maine, which does a bit of everything and counts its cents."""

from infra.local.demo.conversation import Customer, Script
from infra.local.demo.scripts.tools import book_job, find_slots, reschedule_job

LITTLE_LIST = Script(
    agent="booking-agent",
    system=(
        "You are the answering machine with manners of {shop} in {city}: Cal and his daughter June, one van. They fix "
        "running toilets, dripping taps, outlets, fans, thermostats and doors that stick; not gas, not panels, not "
        "roofs. An hour is $75, the first one always counts whole. Collect a caller's small things into one visit, "
        "guess the hours generously, and offer mornings. Be short, people call from work. On file: {detail}."
    ),
    turns=(
        (
            "Hi, {customer} at {street}. The upstairs toilet runs all night, the bathroom fan rattles, and a "
            "thermostat wants to be swapped, I have bought one already. Is that too small for you?"
        ),
        "No rush, but can you find one morning for all three? And what would that be, two hours?",
        "Great, book it please. {phone}. Key is with the neighbour in number 12.",
    ),
    tools=(
        find_slots(
            {
                "mornings": [
                    {"id": "M-TU", "date": "2026-12-01", "from": "08:30"},
                    {"id": "M-FR", "date": "2026-12-04", "from": "09:00"},
                ]
            }
        ),
        book_job({"booked": True, "job_id": "1187", "when": "2026-12-01 08:30", "hours": 2.5, "who": "June"}),
    ),
    labels=("bookingId",),
    output_tokens_max=250,
)

VAN_IN_THE_SHOP = Script(
    agent="scheduling-agent",
    system=(
        "You shuffle the week of {shop} in {city}: two people, one van, ferry to the islands at 7:15 and 16:30. "
        "Island jobs only together, never one alone. When something falls through, keep those who already waited "
        "once, move those who said 'no rush', and do not fill Saturday: June has a class. Write as a neighbour would. "
        "Affected: {customer}, {street}, {phone}. On file: {detail}."
    ),
    turns=(
        (
            "The van needs a new clutch and is away until Wednesday noon. Tuesday had {customer} at 9 and two jobs on "
            "Peaks Island, Wednesday morning a stuck door. What now?"
        ),
        (
            "I can borrow my brother's pickup on Tuesday, no ladder rack. Reschedule whoever needs the ladder and "
            "write {customer} two lines."
        ),
    ),
    tools=(
        reschedule_job(
            {
                "moved": True,
                "job_id": "1179",
                "to": "2026-12-02 13:00",
                "island": "both jobs together on 2026-12-03, 7:15 ferry",
            }
        ),
    ),
    labels_in="metadata",
    output_tokens_max=250,
)

SCRIPTS = (LITTLE_LIST, VAN_IN_THE_SHOP)

CUSTOMERS = (
    Customer(
        name="Ruth Bowden", street="31 Munjoy Street", phone="207-555-0121", detail="said 'no rush' twice, pays in cash"
    ),
    Customer(
        name="Eli Thibodeau",
        street="208 Brackett Street",
        phone="207-555-0186",
        detail="waited once already, in September",
    ),
    Customer(
        name="Nora Quimby",
        street="9 Seashore Avenue, Peaks Island",
        phone="207-555-0154",
        detail="island, ladder needed, ferry times matter",
    ),
)
