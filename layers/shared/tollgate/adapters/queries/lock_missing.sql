-- Waits for the writers that are at it, and lets none begin: who adds spans takes their missing numbers away in the same statement.
-- The spans first, as the writers do.
LOCK TABLE spans IN ROW EXCLUSIVE MODE;
LOCK TABLE missing_spans IN SHARE ROW EXCLUSIVE MODE
