"""API keys: stored as digests, in the object storage first, revoked for good."""

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.resources import api_keys
from service.core.resources.api_keys import Scope

pytestmark = pytest.mark.usefixtures("forget_keys")


def test_a_key_is_stored_by_its_digest_alone(core: Core) -> None:
    key, secret = api_keys.create(core, "acme", "laptop", {Scope.WRITE, Scope.READ})
    other, another = api_keys.create(core, "acme", "laptop", {Scope.READ})
    assert secret != another
    assert len(secret) >= len(api_keys.PREFIX) + 43  # 32 bytes in base 64
    assert api_keys.indexed(core) == {api_keys.digest_of(secret): key, api_keys.digest_of(another): other}
    assert api_keys.stored(core.storage) == [key, other]
    assert secret not in str([core.storage.get_json(path) for path in core.storage.list_keys("")])
    assert secret not in str(core.redis.hgetall(redis_keys.API_KEYS))


def test_a_revoked_key_stays_revoked_when_redis_is_restored(core: Core) -> None:
    kept, _ = api_keys.create(core, "acme", "kept", {Scope.READ})
    gone, _ = api_keys.create(core, "acme", "gone", {Scope.READ})
    revoked = api_keys.revoke(core, gone.id)
    assert revoked.revoked_at is not None
    assert api_keys.revoke(core, gone.id) == revoked
    core.redis.flushall()
    assert api_keys.restore(core) == 2
    assert api_keys.indexed(core) == {kept.sha256: kept, gone.sha256: revoked}


def test_restoring_replaces_nothing_that_redis_has(core: Core) -> None:
    key, _ = api_keys.create(core, "acme", "raced", {Scope.READ})
    revoked = api_keys.revoke(core, key.id)
    core.storage.put_json(f"keys/{key.id}.json", key.model_dump(mode="json"))
    assert api_keys.restore(core) == 0
    assert api_keys.indexed(core) == {key.sha256: revoked}


def test_revoking_what_is_no_key(core: Core) -> None:
    with pytest.raises(ServiceError) as caught:
        api_keys.revoke(core, "key_none")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_admin_may_what_the_others_may_and_they_are_apart(core: Core) -> None:
    reader, writer, admin = (api_keys.create(core, "acme", scope, {scope})[0] for scope in Scope)
    allowed = [[scope for scope in Scope if key.allows(scope)] for key in (reader, writer, admin)]
    assert allowed == [[Scope.READ], [Scope.WRITE], list(Scope)]
