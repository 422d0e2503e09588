# The front: no torch, no GPU. Built from the root of the repository.
FROM python:3.12.12-slim-bookworm

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY api_schemas api_schemas
COPY client client
COPY service service
RUN pip install --no-cache-dir -c constraints.txt . \
    && useradd --system --uid 10001 --no-create-home ladd

USER ladd
ENV PYTHONUNBUFFERED=1 \
    LADD_HOST=0.0.0.0 \
    LADD_PORT=8000
EXPOSE 8000
CMD ["python", "-m", "service.http"]
