# A worker, for CPU and for NVIDIA GPUs alike. Built from the root of the repository.
FROM python:3.12.12-slim-bookworm

# torch.compile calls a C++ compiler; without one a worker computes eagerly.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

WORKDIR /app
# Dependencies first: a change of the sources does not fetch gigabytes of torch again.
COPY pyproject.toml constraints.txt ./
COPY client/pyproject.toml client/
RUN python -c "import tomllib; load = lambda path: tomllib.load(open(path, 'rb'))['project']; p = load('pyproject.toml'); \
print(*load('client/pyproject.toml')['dependencies'], \
*(d for d in p['dependencies'] if not d.startswith('ladd-client')), \
*p['optional-dependencies']['worker'], sep='\n')" > requirements.txt \
    && pip install --no-cache-dir -c constraints.txt -r requirements.txt

COPY README.md LICENSE ./
COPY api_schemas api_schemas
COPY client client
COPY method method
COPY service service
COPY workers workers
# /data is made here, and owned by the user, so that a new volume mounted on it is writable.
RUN pip install --no-cache-dir --no-deps ./client . \
    && useradd --system --uid 10001 --no-create-home ladd \
    && install -d -o ladd -g ladd /data

USER ladd
ENV PYTHONUNBUFFERED=1 \
    LADD_DATA_DIR=/data
VOLUME /data
CMD ["python", "-m", "workers"]
