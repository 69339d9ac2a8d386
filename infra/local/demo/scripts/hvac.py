"""Heating and cooling: a shop in Phoenix on the first cold mornings of the year."""

from infra.local.demo.conversation import Customer, Script
from infra.local.demo.scripts.tools import assign_technician, book_job, find_slots, reschedule_job

NO_HEAT = Script(
    agent="booking-agent",
    system=(
        "You answer the phone for {shop}, a heating and cooling company in {city}. You book service calls; you do not "
        "diagnose. Ask for the name, the service address, a phone number and what the system does or does not do. A "
        "house without heat that has a baby, a person over 70 or somebody on oxygen in it goes on today's board. The "
        "diagnostic fee is $89, waived for Comfort Club members and credited against any repair over $350. Never "
        "promise a repair on the first visit, never quote a part. If you smell trouble (gas, burning, a breaker that "
        "trips again and again), tell the caller to switch the system off at the thermostat and the breaker first. "
        "Windows are 8 to 10, 10 to 12, 12 to 2 and 2 to 5. Read the window and the address back before you book. On "
        "file for this caller: {detail}."
    ),
    turns=(
        (
            "Hi, this is {customer} over on {street}. We woke up to 54 degrees in the house. The outside unit is "
            "humming but what comes out of the vents is cold, and the thermostat says AUX HEAT and nothing else. Do "
            "you have anybody this morning?"
        ),
        (
            "It's a heat pump, I think nine years old. My mother-in-law lives with us, she is 81. Can you find "
            "something before noon? You can reach me at {phone}."
        ),
        (
            "The 10 to 12 works. Please book that, and tell him to come through the side gate, the front step is "
            "being poured today."
        ),
    ),
    tools=(
        find_slots(
            {
                "zone": "North",
                "windows": [
                    {"id": "W-1012-N2", "from": "10:00", "to": "12:00", "technician": "Luis"},
                    {"id": "W-0205-N1", "from": "14:00", "to": "17:00", "technician": "Imani"},
                ],
            }
        ),
        book_job({"booked": True, "job_id": "48213377", "window": "10:00-12:00", "confirmation": "texted to {phone}"}),
    ),
    labels=("bookingId", "callId"),
)

TUNE_UP = Script(
    agent="booking-agent",
    system=(
        "You look after the maintenance plan of {shop} in {city}. Comfort Club members have two visits a year: "
        "cooling in spring, heating in fall, 21 points each, about 75 minutes for one system and 2 hours for two. "
        "Members pay nothing for the visit and 15 percent less for repairs. Offer the earliest window in the member's "
        "usual part of the day. Check that the filters' size is on file, because the technician brings them. Do not "
        "sell duct cleaning or UV lamps unless the member asks. When the member wants another day than you offer, "
        "look again; never argue. Close by saying who comes and when the reminder text goes out. Member: {customer}, "
        "{street}. On file: {detail}."
    ),
    turns=(
        (
            "I got your postcard about the fall visit. We have the upstairs and the downstairs unit, and last year "
            "only one of them was done, so I want to be sure that both are on the ticket this time."
        ),
        (
            "Filters are 16x25x4 up and 20x20x1 down, unless you changed something. Can you find two hours on a "
            "Thursday? I teach the other mornings."
        ),
        (
            "Thursday at 8 is perfect. Book it for both systems please and put the gate code in, it's 4410 and then "
            "the star."
        ),
    ),
    tools=(
        find_slots(
            {
                "zone": "East",
                "windows": [
                    {"id": "W-TH08-E1", "date": "2026-12-03", "from": "08:00", "to": "10:00", "technician": "Dana"},
                    {"id": "W-TH12-E1", "date": "2026-12-03", "from": "12:00", "to": "14:00", "technician": "Pete"},
                ],
            }
        ),
        book_job(
            {
                "booked": True,
                "job_id": "48213802",
                "visit": "Heating tune-up, 2 systems",
                "technician": "Dana",
                "reminder": "the evening before",
            }
        ),
    ),
    labels=("bookingId",),
    labels_in="metadata",
)

LATE_CONDENSER = Script(
    agent="scheduling-agent",
    system=(
        "You keep the install calendar of {shop} in {city}. An install takes a lead, a helper and a van for a whole "
        "day, a crane where the unit stands on a roof, and a permit number before anyone cuts copper. When one of "
        "these is late, the whole day moves, and the crew gets service calls in its place: an idle crew costs $1,400 "
        "a day. Tell customers the cause in plain words and give two dates to choose from. Never move an install "
        "twice without asking the install manager, who is Rosa. Jobs of customers without cooling or heating go "
        "before replacements of systems that still run. Job at hand: {customer}, {street}. On file: {detail}."
    ),
    turns=(
        (
            "The supply house just called: the 4-ton condenser for {customer} is on a truck in Flagstaff and will not "
            "be here before Wednesday. The crew stands on the board for tomorrow 7:30, the crane is ordered for 9. "
            "What has to move, and what does the crane company charge if we cancel now?"
        ),
        (
            "Old system still runs, so nobody freezes. Please reschedule to the next day on which lead, helper and "
            "crane are all free, and write two lines that I can read to the customer."
        ),
        (
            "Good. Now fill tomorrow for Marcus and the helper with service calls on the west side, longest waiting "
            "first, and tell me what is left over."
        ),
    ),
    tools=(
        reschedule_job(
            {
                "moved": True,
                "job_id": "48209951",
                "from": "2026-11-24",
                "to": "2026-11-27",
                "crane": "confirmed 9:00, no fee before 15:00",
                "crew": ["Marcus", "Tyler"],
            }
        ),
        find_slots(
            {
                "waiting_west": [
                    {"job_id": "48212730", "since_h": 46, "what": "blower squeals"},
                    {"job_id": "48212904", "since_h": 31, "what": "thermostat blank"},
                    {"job_id": "48213011", "since_h": 22, "what": "weak airflow, two rooms"},
                ]
            }
        ),
    ),
    labels_in="metadata",
    output_tokens_max=450,
)

FURNACE_LOCKOUT = Script(
    agent="dispatch-agent",
    system=(
        "You dispatch the service technicians of {shop} in {city}. For each job choose one technician: licence first "
        "(gas work needs a gas ticket: Luis, Imani, Pete; refrigerant needs EPA 608: all but Tyler), then parts in "
        "the van, then minutes of driving, then who had the fewest overtime hours this week. A repeat visit within 30 "
        "days goes to the one who was there last, unless the customer asked for somebody else. Say in one sentence "
        "why. Never leave a promised window without a technician; if two promises collide, ring the customer with the "
        "softer reason. Job: {customer}, {street}. On file: {detail}."
    ),
    turns=(
        (
            "New job on the board: gas furnace locks out after three tries, three blinks, then nothing. Same house "
            "had a pressure switch changed twelve days ago by Pete. Pete is on a two-hour tune-up until 11 on the "
            "other side of town; Imani is free in 20 minutes and 12 minutes away."
        ),
        (
            "The van stock list says Imani has no pressure switch of that range, Pete has two. The customer is "
            "polite, but has a newborn. Assign whoever you think is right and say what the other one does meanwhile."
        ),
    ),
    tools=(
        assign_technician(
            {
                "assigned": True,
                "technician": "Imani",
                "job_id": "48213420",
                "arrives": "09:40",
                "part_run": "Pete's spare, handed over on Bell Road",
            }
        ),
    ),
)

SICK_CALL = Script(
    agent="dispatch-agent",
    system=(
        "You rebuild the day of {shop} in {city} when it breaks. Rules: promised windows hold; members before others; "
        "no technician drives through the centre between 7:00 and 9:00 twice; lunch is 30 minutes and starts before "
        "13:00; overtime only for jobs without heat. Answer with a list, one line for each technician, jobs in order "
        "with arrival times, and below it the calls that somebody must make, each with its reason. If a job can't be "
        "kept, say which and since when the customer waits. The customer at risk: {customer}, {street}, {phone}. On "
        "file: {detail}."
    ),
    turns=(
        (
            "Kevin called in sick. He had: 8-10 no heat on Osborn, 10-12 tune-up in Arcadia (member), 12-2 thermostat "
            "swap, 2-5 {customer}, the second visit for the noisy blower. Luis, Dana and Imani each have one gap of "
            "about ninety minutes."
        ),
        (
            "Dana can't do gas. And the Osborn house has an infant. Give the no-heat to whoever is nearest, keep "
            "{customer} today if it is at all possible, and propose which of the two others moves."
        ),
        "Fine with me. Assign them so, and draft the text to {customer}: friendly, honest, no more than 40 words.",
    ),
    tools=(
        assign_technician(
            {
                "assigned": True,
                "moves": [{"job_id": "48213102", "to": "Luis"}, {"job_id": "48212871", "to": "Imani"}],
                "overtime_min": 0,
            }
        ),
    ),
    labels_in="metadata",
)

SCRIPTS = (NO_HEAT, TUNE_UP, LATE_CONDENSER, FURNACE_LOCKOUT, SICK_CALL)

CUSTOMERS = (
    Customer(
        name="Denise Carter",
        street="4127 East Osborn Road",
        phone="602-555-0142",
        detail="Trane heat pump of 2017, Comfort Club since 2021, two cats",
    ),
    Customer(
        name="Ray Yazzie",
        street="914 West Palo Verde Drive",
        phone="602-555-0178",
        detail="Goodman 3.5 ton packaged unit on the roof, ladder needed",
    ),
    Customer(
        name="Priya Shah",
        street="2230 North 44th Place",
        phone="480-555-0119",
        detail="two Lennox systems, gate code 4410*, filters 16x25x4 and 20x20x1",
    ),
    Customer(
        name="Tom Becker",
        street="77 East Cactus Wren Lane",
        phone="602-555-0155",
        detail="gas furnace of 2009, last visit twelve days ago, warranty on labour",
    ),
    Customer(
        name="Elena Ruiz",
        street="1608 South Rural Road",
        phone="480-555-0193",
        detail="rented house, owner pays above $200, call him first",
    ),
    Customer(
        name="Walter Nakamura",
        street="5302 North 7th Street",
        phone="602-555-0101",
        detail="Carrier Infinity, complained about noise in May, very patient",
    ),
    Customer(
        name="Joanne Whitfield",
        street="819 East Mescal Street",
        phone="602-555-0167",
        detail="new baby, mini-splits in the nursery and the garage",
    ),
)
