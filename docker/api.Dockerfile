# The front: no torch, no GPU. Built from the root of the repository.
FROM python:3.12.12-slim-bookworm

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY api_schemas api_schemas
COPY client client
COPY method method
COPY service service
RUN pip install --no-cache-dir -c constraints.txt . \
    && useradd --system --uid 10001 --no-create-home ladd

USER ladd
# glibc gives the buffers of uploads back when they are freed, instead of keeping them for each thread.
ENV PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    LADD_HOST=0.0.0.0 \
    LADD_PORT=8000
EXPOSE 8000
CMD ["python", "-m", "service.http"]
