"""What it costs to run Tollgate on AWS: prices as data, assumptions with names, and the arithmetic. infra/costs/README.md is made of it."""
