FROM python:3.13-slim AS build
COPY . /src
RUN pip install --no-cache-dir --prefix /installed '/src[s3,azure]'

FROM python:3.13-slim
COPY --from=build /installed /usr/local
RUN useradd --uid 10001 --home-dir /data --create-home tagtrail
USER tagtrail
WORKDIR /data
VOLUME /data
EXPOSE 5000
CMD ["tagtrail", "up", "--data", "/data"]
