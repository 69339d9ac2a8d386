"""The local stack: the production template on an emulated AWS, with Postgres, an OpenAI and a ServiceTitan beside it."""
