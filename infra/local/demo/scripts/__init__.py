"""The conversations, by trade. What they say is data; what is done with them stands in morning.py."""
