"""Serve the gateway: `python -m gateway --help`."""

from __future__ import annotations

import argparse

from gateway.server.granian_server import serve


def main() -> None:
    options = _options()
    serve(options.application, options.host, options.port)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway")
    parser.add_argument("--host", default="127.0.0.1", help="IP address to listen on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("application", nargs="?", default="gateway.asgi:app")
    return parser.parse_args()


if __name__ == "__main__":
    main()
