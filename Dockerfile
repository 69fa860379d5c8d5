# Builds the program, static, into an image that holds nothing else but the
# certificates for rediss:// and for PostgreSQL over TLS.

FROM golang:1.27.3 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=docker
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack \
      -ldflags "-s -w -X quantix/internal/cli.version=${VERSION}" -o /out/quantix . \
 && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/quantix /usr/local/bin/quantix
# A volume takes its owner from here; the program is not root.
COPY --from=build --chown=65532:65532 /out/data /data
ENV PATH=/usr/local/bin DATA_DIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 CMD ["quantix", "healthcheck"]
ENTRYPOINT ["quantix"]
CMD ["serve"]
