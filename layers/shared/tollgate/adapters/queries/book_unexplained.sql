-- Stands at the time of the day's last span, so that whoever sums by time finds it in its day.
WITH booked AS (
    UPDATE missing_spans SET booked_at = %(at)s
    WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq <= %(seq)s AND booked_at IS NULL
)
INSERT INTO spans (
    tenant_id, month, epoch, seq, posting, hold, at, day, outcome, cost_nanousd, held_nanousd, saved_nanousd,
    input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens
)
SELECT %(tenant_id)s, %(month)s::date, 0,
       (
           SELECT least(min(seq), 0) FROM spans WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq < 0
       ) - row_number() OVER (ORDER BY day),
       'unexplained', '',
       coalesce(
           (
               SELECT max(at) FROM spans
               WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND spans.day = amounts.day AND seq > 0
           ),
           (day + time '12:00') AT TIME ZONE 'UTC'
       ),
       day, 'unexplained', amount, 0, 0, 0, 0, 0, 0, 0
FROM unnest(%(days)s::date[], %(amounts)s::bigint[]) AS amounts (day, amount)
