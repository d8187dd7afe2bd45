# A small image of regferry: node, its production dependencies, and nothing that builds. BASE needs node, npm and sh to build
# in, and node alone to run; give a digest with it where builds have to be the same: --build-arg BASE=node:22-…@sha256:…
ARG BASE=node:22-bookworm-slim

FROM ${BASE} AS compiled
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run --silent build

# What the image gets, laid out as it will lie there: the last stage needs no shell.
FROM ${BASE} AS assembled
WORKDIR /image/opt/regferry
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY LICENSE README.md CHANGELOG.md ./
COPY bin ./bin
COPY --from=compiled /src/dist ./dist
RUN mkdir -m 1777 /image/work && mkdir -p /image/usr/local/bin \
  && ln -s /opt/regferry/bin/regferry.js /image/usr/local/bin/regferry

FROM ${BASE}
LABEL org.opencontainers.image.title="regferry" \
  org.opencontainers.image.description="Copies container images between registries, byte for byte" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=assembled /image/ /
ENV NODE_ENV=production HOME=/tmp
# Nobody in particular: it needs no rights, and no home beyond where a login may be mounted.
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["regferry"]
