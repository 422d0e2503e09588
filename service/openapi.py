"""Prints the OpenAPI document: `python -m service.openapi`."""

import json

from service.http.app import create_app

if __name__ == "__main__":
    print(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False))
