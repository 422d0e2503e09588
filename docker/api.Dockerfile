# The front: no torch, no numpy, no GPU; under 250 MB. Built from the root of the repository.
FROM python:3.12.12-slim-bookworm AS build

WORKDIR /source
# Dependencies first: a change of the sources does not fetch them again.
COPY pyproject.toml constraints.txt ./
COPY client/pyproject.toml client/
# botocore describes every service of AWS, in 24 MB; the front calls S3, and those that hand out keys for it.
RUN python -c "import tomllib; load = lambda path: tomllib.load(open(path, 'rb'))['project']; \
print(*load('client/pyproject.toml')['dependencies'], \
*(d for d in load('pyproject.toml')['dependencies'] if not d.startswith('ladd-client')), sep='\n')" > requirements.txt \
    && pip install --no-cache-dir --prefix /installed -c constraints.txt -r requirements.txt \
    && find /installed/lib/python3.12/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name sts ! -name 'sso*' ! -name signin -exec rm -r {} +

COPY README.md LICENSE ./
COPY api_schemas api_schemas
COPY client client
COPY method method
COPY service service
RUN pip install --no-cache-dir --prefix /installed --no-deps ./client .

FROM python:3.12.12-slim-bookworm

COPY --from=build /installed /usr/local
RUN useradd --system --uid 10001 --no-create-home ladd

USER ladd
# glibc gives the buffers of uploads back when they are freed, instead of keeping them for each thread.
ENV PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    LADD_HOST=0.0.0.0 \
    LADD_PORT=8000
EXPOSE 8000
CMD ["python", "-m", "service.http"]
