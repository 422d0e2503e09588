"""API keys: stored as digests, in the object storage first, revoked for good."""

import pytest

from api_schemas.problems import ErrorCode
from service.core import keys
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.keys import Scope

pytestmark = pytest.mark.usefixtures("forget_keys")


def test_a_key_is_stored_by_its_digest_alone(core: Core) -> None:
    key, secret = keys.create(core, "acme", "laptop", {Scope.WRITE, Scope.READ})
    other, another = keys.create(core, "acme", "laptop", {Scope.READ})
    assert secret != another
    assert len(secret) >= len(keys.PREFIX) + 43  # 32 bytes in base 64
    assert keys.indexed(core) == {keys.digest_of(secret): key, keys.digest_of(another): other}
    assert keys.stored(core.storage) == [key, other]
    assert secret not in str([core.storage.get_json(path) for path in core.storage.list_keys("")])
    assert secret not in str(core.redis.hgetall(keys.KEYS))


def test_a_revoked_key_stays_revoked_when_redis_is_restored(core: Core) -> None:
    kept, _ = keys.create(core, "acme", "kept", {Scope.READ})
    gone, _ = keys.create(core, "acme", "gone", {Scope.READ})
    revoked = keys.revoke(core, gone.id)
    assert revoked.revoked_at is not None
    assert keys.revoke(core, gone.id) == revoked
    core.redis.flushall()
    assert keys.restore(core) == 2
    assert keys.indexed(core) == {kept.sha256: kept, gone.sha256: revoked}


def test_restoring_replaces_nothing_that_redis_has(core: Core) -> None:
    key, _ = keys.create(core, "acme", "raced", {Scope.READ})
    revoked = keys.revoke(core, key.id)
    core.storage.put_json(f"keys/{key.id}.json", key.model_dump(mode="json"))
    assert keys.restore(core) == 0
    assert keys.indexed(core) == {key.sha256: revoked}


def test_revoking_what_is_no_key(core: Core) -> None:
    with pytest.raises(ServiceError) as caught:
        keys.revoke(core, "key_none")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_admin_may_what_the_others_may_and_they_are_apart(core: Core) -> None:
    reader, writer, admin = (keys.create(core, "acme", scope, {scope})[0] for scope in Scope)
    allowed = [[scope for scope in Scope if key.allows(scope)] for key in (reader, writer, admin)]
    assert allowed == [[Scope.READ], [Scope.WRITE], list(Scope)]
