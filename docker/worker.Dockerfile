# A worker, for CPU and for NVIDIA GPUs alike. Built from the root of the repository.
FROM python:3.12.12-slim-bookworm

# torch.compile calls a C++ compiler; without one a worker computes eagerly.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

WORKDIR /app
# Dependencies first: a change of the sources does not fetch gigabytes of torch again.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*p['dependencies'], *p['optional-dependencies']['worker'], sep='\n')" > requirements.txt \
    && pip install --no-cache-dir -c constraints.txt -r requirements.txt

COPY README.md LICENSE ./
COPY api_schemas api_schemas
COPY client client
COPY method method
COPY service service
COPY workers workers
# /data is made here, and owned by the user, so that a new volume mounted on it is writable.
RUN pip install --no-cache-dir --no-deps . \
    && useradd --system --uid 10001 --no-create-home ladd \
    && install -d -o ladd -g ladd /data

USER ladd
ENV PYTHONUNBUFFERED=1 \
    LADD_DATA_DIR=/data
VOLUME /data
CMD ["python", "-m", "workers"]
