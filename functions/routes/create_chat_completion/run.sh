#!/bin/sh
# Started by the Lambda Web Adapter, where the template's ResponseStreaming is on.
PYTHONPATH="/opt/python:$LAMBDA_RUNTIME_DIR" exec python3 -m tollgate.edge.live_server
