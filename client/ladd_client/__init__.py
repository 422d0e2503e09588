"""A typed client of the LADD service, and the `ladd` command."""

from ladd_client.api import LaddClient
from ladd_client.asynchronous import AsyncLaddClient

__all__ = ["AsyncLaddClient", "LaddClient"]
