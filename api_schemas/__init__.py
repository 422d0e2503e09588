"""The wire contract: pydantic models and enums of the HTTP API and of the runner's protocol, and a report as tables."""
