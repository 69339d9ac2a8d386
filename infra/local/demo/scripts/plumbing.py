"""Plumbing: a shop in Chicago whose November has already brought frost."""

from infra.local.demo.conversation import Customer, Script
from infra.local.demo.scripts.tools import assign_technician, book_job, find_slots, reschedule_job

BURST_PIPE = Script(
    agent="booking-agent",
    system=(
        "You take calls for {shop} in {city}, day and night. Water that runs where it should not comes first: before "
        "anything else, walk the caller to the main shut-off (basement, street side, a lever or a red wheel) and wait "
        "until it is closed. Then take the name, address and phone, ask whether power outlets or the panel are wet "
        "(then nobody goes into that room), and whether the ceiling below bulges. The emergency fee is $129 before 5 "
        "p.m. and $189 after; insurance usually pays for the damage and not for the pipe; you do not advise on "
        "claims. We do not thaw pipes with open flames, and tell callers not to. Book only when the address is read "
        "back. On file: {detail}."
    ),
    turns=(
        (
            "Water is coming through the kitchen ceiling! It's {customer}, {street}. There is a bathroom above it, "
            "nobody has been in there since last night. I put a pot under it, what do I do now?"
        ),
        (
            "Okay. Okay. I found the wheel behind the paint cans, it's closed, the dripping gets slower. The light in "
            "the kitchen is on, should I leave it? How soon can you find someone? My number is {phone}."
        ),
        "Yes, within the hour is good, book it. There's a dog, I will lock him in the office.",
    ),
    tools=(
        find_slots(
            {
                "emergency": True,
                "windows": [{"id": "EM-0915", "from": "09:15", "to": "10:15", "technician": "Hank"}],
                "fee_usd": 129,
            }
        ),
        book_job({"booked": True, "job_id": "48330127", "technician": "Hank", "eta_min": 48, "tracking": "texted"}),
    ),
    labels=("bookingId", "callId"),
)

WATER_HEATER = Script(
    agent="booking-agent",
    system=(
        "You book water heater work for {shop} in {city}. A tank that leaks from its bottom is replaced, not "
        "repaired; a leak at the valves or the top may be repaired. Ask: gas or electric, gallons, age (first four "
        "digits of the serial number: week and year), where it stands, and whether stairs or a narrow door lie "
        "between it and the street. Replacements start at $1,650 for 40 gallons, gas, standard vent, permit and "
        "haul-away in it; power vent and tankless get a visit first ($79, credited). Same-day replacement if the "
        "order stands before 11. Tell callers to close the gas valve at the heater, the knob to OFF, before they "
        "touch anything else. On file: {detail}."
    ),
    turns=(
        (
            "Good morning, {customer} from {street}. There's a puddle under my water heater which was not there on "
            "Saturday. It still makes hot water. Is that something a plumber patches?"
        ),
        (
            "It says 40 gallons, natural gas, serial 3114 and more digits. It stands in the basement, nine steps, the "
            "door is 29 inches. What would a new one cost me altogether, roughly, and could that be today?"
        ),
        "My husband says go ahead. Can you find a time this afternoon? We're both home after one.",
        "Then book the 1 to 4. Card is on file from the sump pump.",
    ),
    tools=(
        find_slots(
            {
                "install_crews": [{"id": "IN-1304", "from": "13:00", "to": "16:00", "crew": ["Marta", "Joe"]}],
                "stock": {"40 gal gas std vent": 3},
            }
        ),
        book_job(
            {
                "booked": True,
                "job_id": "48330218",
                "crew": ["Marta", "Joe"],
                "permit": "filed online",
                "price_usd": 1650,
            }
        ),
    ),
    labels=("bookingId",),
    labels_in="metadata",
)

SEWER_CAMERA = Script(
    agent="scheduling-agent",
    system=(
        "You schedule the sewer crew of {shop} in {city}: one camera truck, one jetter, one excavator that is shared "
        "with the sister company. Camera before jetter, jetter before dig, always. A dig in the parkway needs the "
        "city's permit (five working days), a utility locate (JULIE, two working days, valid 28 days) and no street "
        "cleaning on that side. The truck can do four cameras a day within five miles, or three. When a sale of the "
        "house hangs on it, note the closing date. Plan back from that date, show the chain of dependencies in a "
        "short list, and name the first date on which something would break. Site: {customer}, {street}. On file: "
        "{detail}."
    ),
    turns=(
        (
            "{customer} sells the house, closing is on December 11th, and the buyer's inspector wants a camera in the "
            "sewer. If there are roots, as with the neighbours, we would have to open the parkway. Can we make it at "
            "all, and by when must the camera be there?"
        ),
        (
            "Camera on Wednesday then, please find the slot. Assume roots: what do I have to file, on which day, so "
            "that the dig is legal in the week after?"
        ),
        (
            "City says the permit office is closed on Thursday and Friday for the holiday. Does the chain still hold? "
            "If not, reschedule the camera to tomorrow."
        ),
    ),
    tools=(
        find_slots(
            {
                "camera_truck": [
                    {"id": "CT-TU3", "date": "2026-11-24", "from": "13:00"},
                    {"id": "CT-WE1", "date": "2026-11-25", "from": "08:00"},
                ]
            }
        ),
        reschedule_job({"moved": True, "to": "2026-11-24 13:00", "locate_request": "filed, valid until 2026-12-22"}),
    ),
    labels_in="metadata",
    output_tokens_max=500,
)

BACKED_UP_DRAIN = Script(
    agent="dispatch-agent",
    system=(
        "You triage and dispatch for {shop} in {city}. Order: sewage inside a home, no water at all, no toilet that "
        "works, active leak, everything else. Restaurants during their opening hours count as 'no toilet'. Ask what "
        "the job type hides: 'slow drain' in two fixtures on one floor is a main line and needs the big machine (vans "
        "3 and 7), not a hand snake. The apprentice never goes alone. If a landlord and a tenant say different "
        "things, believe the one who stands in the water. Give the order of the next stops for each van and the "
        "reason in half a sentence. Caller: {customer}, {street}, {phone}. On file: {detail}."
    ),
    turns=(
        (
            "Just in: {customer} reports the basement floor drain coming up whenever somebody showers upstairs, "
            "brown, with smell. The ticket says 'slow drain', priority normal, tomorrow. Van 3 is rodding a kitchen "
            "line in a bakery until about 10, van 7 is at a faucet swap, van 2 is free with a hand snake."
        ),
        (
            "So it's the main. Van 7 can drop the faucet, that customer agreed to wait. Assign the technician of van "
            "7 and tell me what van 2 should do instead of idling."
        ),
        (
            "The bakery calls: their line is open but van 3's machine broke its cable. Who picks up the 11 o'clock "
            "main line in Pilsen now?"
        ),
    ),
    tools=(
        assign_technician(
            {
                "assigned": True,
                "technician": "Owen",
                "van": 7,
                "arrives": "09:35",
                "displaced_job": "48329960 waits until 13:00",
            }
        ),
    ),
)

SCRIPTS = (BURST_PIPE, WATER_HEATER, SEWER_CAMERA, BACKED_UP_DRAIN)

CUSTOMERS = (
    Customer(
        name="Maria Alvarez",
        street="2519 West Cullerton Street",
        phone="312-555-0137",
        detail="two-flat of 1911, galvanised risers, main behind the furnace",
    ),
    Customer(
        name="Hank Olsen",
        street="1748 North Winnebago Avenue",
        phone="773-555-0162",
        detail="sump pump by us in 2023, finished basement, card on file",
    ),
    Customer(
        name="Lena Novak",
        street="4433 South Ashland Avenue",
        phone="773-555-0109",
        detail="tenant; landlord approves above $300, answers texts only",
    ),
    Customer(
        name="Darnell Price",
        street="6120 South Kenwood Avenue",
        phone="773-555-0184",
        detail="clay sewer, maple in the parkway, rodded in 2022 and 2024",
    ),
    Customer(
        name="Grace Kim",
        street="3307 West Bryn Mawr Avenue",
        phone="312-555-0125",
        detail="bakery below, flat above, water meter shared",
    ),
    Customer(
        name="Stan Kowalczyk",
        street="5840 West Roscoe Street",
        phone="773-555-0171",
        detail="hard of hearing, ring the bell twice, 40 gallon gas heater",
    ),
)
