"""Prints the OpenAPI document: `python -m service.openapi`."""

import json

from service.http.app import create_app


def main() -> None:
    """Write what the front of this version takes and answers."""
    print(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
