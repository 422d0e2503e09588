"""The Celery application of a worker: it carries wake-ups to any number of machines and decides nothing.

Celery's own redelivery is switched off as far as it goes: with Redis a healthy long task would be delivered twice,
and a lost one late. A wake-up is acknowledged on arrival; the lease in the job's record decides who works.
"""

from celery import Celery

from service.core.foundation.settings import Settings


def create_app(settings: Settings) -> Celery:
    """A Celery application without tasks. Nothing is connected before it is used."""
    app = Celery("ladd", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        broker_use_ssl=settings.redis_tls or None,
        accept_content=["json"],
        task_serializer="json",
        task_acks_late=False,
        task_ignore_result=True,
        # A message waits in Redis, where every worker can take it, until a slot is free (threads pool included).
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    return app
