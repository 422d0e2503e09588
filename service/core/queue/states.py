"""The states of jobs and tasks, and which may follow which: the scripts refuse any other step."""

from api_schemas.jobs import TERMINAL_STATES, JobState

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELED, JobState.EXPIRED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.CANCELING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED}
    ),
    JobState.CANCELING: frozenset({JobState.CANCELED}),
} | {state: frozenset() for state in TERMINAL_STATES}
"""`running -> queued` happens to a task alone, when its lease is lost or given back; `queued -> failed` to a job alone
that waited for a dataset in vain."""


def lua() -> str:
    """Return the same for the scripts: the table `followers`, {state: {each state that may follow it: true}}."""
    rows = (
        f"{before} = {{ {', '.join(f'{after} = true' for after in sorted(followers))} }}"
        for before, followers in TRANSITIONS.items()
    )
    return f"local followers = {{ {', '.join(rows)} }}\n"
