"""How a dispatcher's assistant sounds: short English, the same for the same random source."""

from __future__ import annotations

from random import Random

from infra.local.openai_server.tokens import count

SLOTS = {
    "name": ("Maria Alvarez", "Tom Becker", "Priya Shah", "Denise Carter", "Hank Olsen", "Lena Novak", "Owen Price"),
    "tech": ("Luis", "Dana", "Marcus", "Rosa", "Kevin", "Imani", "Pete"),
    "street": ("214 Maple Street", "88 Harbor Road", "1907 Cedar Lane", "52 Mill Court", "640 Lincoln Avenue"),
    "window": ("8 to 10 this morning", "10 to noon", "1 to 3 this afternoon", "3 to 5 today", "8 to 10 tomorrow"),
    "part": (
        "a 45/5 dual run capacitor",
        "a 40 gallon water heater",
        "a 20 amp breaker",
        "a blower motor",
        "a wax ring",
    ),
    "job": (
        "the no-cooling call",
        "the leak under the sink",
        "the panel inspection",
        "the furnace tune-up",
        "the drain backup",
    ),
    "number": ("4821", "5137", "6044", "7290", "8613"),
}
SENTENCES = (
    "I can put {tech} on {job} at {street}, window {window}.",
    "{name} is confirmed for {window}.",
    "The van already carries {part}, so no stop at the supply house is needed.",
    "Job {number} stays on the board until the customer calls back.",
    "I moved job {number} behind {job} to save about 20 minutes of driving.",
    "Please ask {name} to clear the area around the unit before {tech} arrives.",
    "{tech} is the closest technician with the right license.",
    "The membership discount applies, and the dispatch fee of 89 dollars is waived.",
    "If the unit is older than 12 years, offer a replacement quote as well as the repair.",
    "A text with the arrival time goes out when {tech} is 30 minutes away.",
    "Because water is still running, I marked {job} as urgent.",
    "Please shut off the breaker and leave the system off until we are there.",
    "The warranty on {part} ends next month, so no charge for the part.",
    "I noted the gate code and that the dog stays inside.",
    "Two hours are booked; tell me if you want a second technician.",
    "The customer at {street} asked for a call before we leave.",
    "Nothing else is open in that zone today, so {window} is the earliest.",
    "I would keep {tech} on {job} and send the next call to {name}.",
)
# Each is one token after a space, so that an answer of any length can be made to measure.
FILLER_TEXT = (
    " then check the next job on the board and call the customer with a time before we send the van out to that street"
    " so the crew can work in order and note each part that they use and how long it took"
)
FILLER = tuple(FILLER_TEXT.split())


def fill(sentence: str, random: Random) -> str:
    return sentence.format_map(
        {slot: random.choice(values) for slot, values in SLOTS.items() if f"{{{slot}}}" in sentence}
    )


def brief(random: Random) -> str:
    """Two to five sentences."""
    return " ".join(fill(sentence, random) for sentence in random.sample(SENTENCES, random.randint(2, 5)))


def of_length(random: Random, tokens: int) -> str:
    """Exactly so many tokens."""
    text, used = "", 0
    for sentence in random.sample(SENTENCES, len(SENTENCES)):
        longer = f"{text} {fill(sentence, random)}".lstrip()
        length = count(longer)
        if length >= tokens:
            break
        text, used = longer, length
    return measured(text, tokens - used)


def measured(text: str, tokens: int) -> str:
    """`text`, with so many tokens of filler behind it."""
    rounds, rest = divmod(tokens, len(FILLER))
    filler = FILLER_TEXT * rounds + "".join(f" {word}" for word in FILLER[:rest])
    return text + filler if text else filler.lstrip()
