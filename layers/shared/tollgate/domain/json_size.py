"""How many values a JSON text has, found without parsing it: what is small on the wire can be large in memory, and slow to walk."""

import re
from itertools import islice

# Far above what tools, schemas and long conversations need: 128 tools of a hundred properties have about 50,000.
VALUES_MAX = 100_000
# One match for each bracket or comma that stands in no string, whatever lies before it, and one for the rest. Nothing in it is tried
# twice, and no text is without a match, so it takes time in proportion to the text, even where that is no JSON.
_UP_TO_ONE = re.compile(r'[^",\[{]*+(?:"[^"\\]*+(?:\\.?+[^"\\]*+)*+(?:"|\Z)[^",\[{]*+)*+(?:([,\[{])|\Z)', re.DOTALL)


def has_more_values(text: str, most: int) -> bool:
    """Whether its lists and objects have more than `most` items together; an empty one counts as having one."""
    if sum(map(text.count, ",[{")) <= most:
        return False
    found = (match for match in _UP_TO_ONE.finditer(text) if match[1])
    return sum(1 for _ in islice(found, most + 1)) > most
