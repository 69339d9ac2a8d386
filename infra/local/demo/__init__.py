"""A busy morning of four field-service shops on the local stack, and the proof that the books agree."""
