-- What a span says of a call that was only observed, and of a hold that somebody other than its holder closed.

ALTER TABLE spans ADD COLUMN opened_at timestamptz, ADD COLUMN would_have text;

COMMENT ON COLUMN spans.opened_at IS 'When the hold was opened, where somebody other than its holder closed it.';
COMMENT ON COLUMN spans.would_have IS 'In observe mode: what enforcing would have done, such as refuse:daily_budget or downgrade:soft_cap.';
