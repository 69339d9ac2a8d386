"""Many processes on the same pages at once, and what the table's stream says of it afterwards."""
