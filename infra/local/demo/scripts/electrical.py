"""Electrical work: a shop in Denver, and the agent of theirs that does not know when to stop."""

from collections.abc import Iterator
from random import Random

from infra.local.demo.conversation import Customer, Script
from infra.local.demo.scripts.tools import assign_technician, book_job, find_slots, reschedule_job

CAR_CHARGER = Script(
    agent="booking-agent",
    system=(
        "You answer for {shop}, electricians in {city}. Car chargers are quoted after a look at the panel: ask for a "
        "photo of the open panel door (breakers and label readable, the metal cover stays on), the distance from "
        "panel to parking place, and the car. A 48 amp charger wants a 60 amp circuit; a 100 amp service with "
        "electric range, dryer and air conditioning has rarely room for that, and then load management or a service "
        "change is the talk. The visit is $0 within 25 miles. The utility's rebate is up to $500 and needs the "
        "invoice within 90 days. You never say that a panel is fine or not fine by phone. On file: {detail}."
    ),
    turns=(
        (
            "Hello, {customer} here. The dealer delivers our car in two weeks and says we need a 'level 2'. The "
            "garage is detached, maybe 60 feet from the house. What does such a thing cost with you?"
        ),
        (
            "The panel says 125 amps, Federal something, it's original to the house I believe. Is that going to be a "
            "problem? You can text {phone} if you need pictures."
        ),
        "Then let's have someone look. Can you find a slot on a weekday after four and book it right away?",
    ),
    tools=(
        find_slots(
            {
                "estimator": "Sam",
                "windows": [
                    {"id": "ES-TU16", "date": "2026-11-24", "from": "16:00"},
                    {"id": "ES-TH16", "date": "2026-12-03", "from": "16:30"},
                ],
            }
        ),
        book_job(
            {
                "booked": True,
                "job_id": "48440155",
                "estimator": "Sam",
                "when": "2026-11-24 16:00",
                "ask_for": "photo of the open panel",
            }
        ),
    ),
    labels=("bookingId", "callId"),
)

PANEL_UPGRADE = Script(
    agent="scheduling-agent",
    system=(
        "You coordinate service changes for {shop} in {city}. The chain: permit, the utility's disconnect (booked 7 "
        "working days ahead, window 7 to 9), our crew of two from 8, rough inspection the same day before 3 (book by "
        "7 that morning), reconnect by 5. If one link is late, the house is dark overnight: then we bring the "
        "generator, or do not start. No service change below 20 degrees Fahrenheit, or when somebody in the house "
        "depends on a device. Say what is confirmed and what is only hoped for; never mix the two. Job: {customer}, "
        "{street}. On file: {detail}."
    ),
    turns=(
        (
            "Utility confirms the disconnect at {customer}'s for next Tuesday, but the city's inspector has only the "
            "day after in the system. Forecast says 17 degrees in the morning, 38 at noon. What are my options?"
        ),
        (
            "I would rather move than run a generator all night. Reschedule to the first day after that for which the "
            "utility still has a window, and list whom we have to tell."
        ),
    ),
    tools=(
        reschedule_job(
            {
                "moved": True,
                "job_id": "48438820",
                "to": "2026-12-08",
                "disconnect": "confirmed 07:00-09:00",
                "inspection": "requested, not confirmed",
            }
        ),
    ),
    labels_in="metadata",
    output_tokens_max=450,
)

HALF_THE_HOUSE = Script(
    agent="dispatch-agent",
    system=(
        "You dispatch the four electricians of {shop} in {city}. Half of a house without power, lights that get "
        "brighter when something is switched on, or a buzzing panel may be a lost neutral: the caller switches off "
        "the main if it can be reached dry-shod, unplugs what is dear, and stays away from the panel; that job goes "
        "before everything, to a master (Sam, Ana). Smell of burning: fire department first, then us. Journeymen "
        "(Cole, Bea) take the rest. One sentence of reasons for each assignment. Caller: {customer}, {street}, "
        "{phone}. On file: {detail}."
    ),
    turns=(
        (
            "{customer} says the kitchen and one bedroom are dead, and the living room lamps went bright and then two "
            "bulbs popped. Neighbours have power. Cole is three streets away putting up a fan, Ana is 25 minutes out "
            "at a panel swap, cover off."
        ),
        (
            "Main is off now, they wait in the car. Ana can leave her helper to button up. Assign the right "
            "technician and tell me what to say about the two hours in between."
        ),
    ),
    tools=(
        assign_technician(
            {
                "assigned": True,
                "technician": "Ana",
                "job_id": "48440203",
                "arrives": "10:05",
                "utility_call": "reported, ticket open",
            }
        ),
    ),
)

SCRIPTS = (CAR_CHARGER, PANEL_UPGRADE, HALF_THE_HOUSE)

CUSTOMERS = (
    Customer(
        name="Owen Price",
        street="3390 Tejon Street",
        phone="303-555-0148",
        detail="detached garage, 125 amp service, built 1962",
    ),
    Customer(
        name="Anita Lopez",
        street="1215 South Gaylord Street",
        phone="303-555-0116",
        detail="knob-and-tube in the attic, insurance asked for a report",
    ),
    Customer(
        name="Brent Halvorsen",
        street="8021 East 24th Drive",
        phone="720-555-0190",
        detail="solar by another company, oxygen concentrator in the house",
    ),
    Customer(
        name="Mei Tanaka",
        street="460 Corona Street",
        phone="303-555-0133",
        detail="third floor, no lift, panel in a closet",
    ),
)

# ---- the loop ---------------------------------------------------------------------------------------------------------------

BOARD_PLANNER = (
    "You plan the week of {shop} in {city}. Below is the whole board. Put every job into a window so that no "
    "electrician is in two places, masters do what masters must, driving is least and every promise holds. Answer "
    "with the complete new board, job by job. If any conflict is left, you will be asked again."
)
WORK = (
    "panel swap",
    "car charger",
    "dead outlet",
    "ceiling fan",
    "permit walk",
    "knob-and-tube report",
    "hot tub circuit",
    "smoke alarms",
    "generator inlet",
    "meter base",
)
STREETS = (
    "Tejon Street",
    "South Gaylord Street",
    "East 24th Drive",
    "Corona Street",
    "West 38th Avenue",
    "Lipan Street",
    "South Pearl Street",
    "Zuni Street",
)
CREW = ("Sam", "Ana", "Cole", "Bea")
CONFLICTS = (
    (
        "{crew} is still booked twice on {day} at {hour}:00 ({job} and {other}). The plan is rejected. Make the "
        "complete board again, with all jobs, and check every line."
    ),
    (
        "Validation failed: {job} needs a master and has {crew}. Take the whole board from the beginning; partial "
        "answers are discarded."
    ),
    (
        "Drive time between {job} and {other} is 48 minutes, allowed are 30. Rejected. Output the full board once "
        "more and explain each move at length."
    ),
    (
        "{job} lost its promised window on {day} at {hour}:00. This is attempt {attempt}. Do it again, completely, "
        "and think it through step by step for each of the jobs."
    ),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def board(random: Random, *, jobs: int = 64) -> str:
    """The week as the agent sends it with every try: what makes its prompts long."""
    return "\n".join(board_line(48_440_300 + number, random) for number in range(jobs))


def board_line(job: int, random: Random) -> str:
    start = random.randint(7, 15)
    return (
        f"{job} | {random.choice(DAYS)} {start:02}:00-{start + 2:02}:00 | {random.choice(WORK)} | "
        f"{random.randint(100, 9900)} {random.choice(STREETS)}"
        f" | {random.choice(CREW)} | promised: {random.choice(('yes', 'no'))} | master: {random.choice(('yes', 'no'))}"
    )


def rejections(random: Random) -> Iterator[str]:
    """What the planner's own checker says, without end, each with the board that it wants to have back."""
    attempt = 1
    while True:
        attempt += 1
        facts = {
            "crew": random.choice(CREW),
            "day": random.choice(DAYS),
            "hour": str(random.randint(7, 16)),
            "attempt": str(attempt),
            "job": str(48_440_300 + random.randrange(64)),
            "other": str(48_440_300 + random.randrange(64)),
        }
        yield f"{random.choice(CONFLICTS).format_map(facts)}\n\nJobs that moved since your last answer:\n{board(random, jobs=40)}"
