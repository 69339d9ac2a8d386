"""The API's document: read off the handlers, with what `answers.yaml` says of their answers."""
