"""A service for the pages that ask one: the fixtures of the client's tests."""

from tests.client.conftest import s3_proxy, server

__all__ = ["s3_proxy", "server"]
