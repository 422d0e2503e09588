"""Messages of webhooks that nobody has made."""

import time
from collections.abc import Callable

import pytest

from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.webhooks.deliveries import Message


@pytest.fixture
def put_in_line(core: Core) -> Callable[..., str]:
    """Put a message in line for a webhook of a tenant, and return its id."""

    def put(hook: str = "wh_a", tenant: str = "ours") -> str:
        message = Message(tenant, hook, new_id("msg"), "webhook.test", '{"type": "webhook.test"}')
        core.deliveries.put([message])
        time.sleep(0.002)  # Two of one millisecond have no order.
        return message.id

    return put
