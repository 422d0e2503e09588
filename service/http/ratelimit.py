"""The headers of `429 Too Many Requests`, after draft-ietf-httpapi-ratelimit-headers-10."""

from service.core.lifecycle.quotas import Quota


def ratelimit_headers(quota: Quota) -> dict[str, str]:
    """Return which quota was met, how large it is, that nothing remains of it, and when to try again."""
    window = "" if quota.window_seconds is None else f";w={quota.window_seconds}"
    reset = "" if quota.window_seconds is None else f";t={quota.retry_seconds}"
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.limit}{window}',
        "RateLimit": f'"{quota.name}";r=0{reset}',
        "Retry-After": str(quota.retry_seconds),
    }
