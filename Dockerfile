# A small image of regferry: node, the command line, and nothing that builds. BASE needs node, npm and sh to build
# in, and node alone to run; give a digest with it where builds have to be the same: --build-arg BASE=node:22-…@sha256:…
ARG BASE=node:22-bookworm-slim

FROM ${BASE} AS built
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json LICENSE README.md CHANGELOG.md ./
COPY bin ./bin
COPY src ./src
RUN npm run --silent build
# What the image gets, laid out as it will lie there: the last stage needs no shell. The command line holds its dependencies.
RUN mkdir -p /image/opt/regferry/bin /image/opt/regferry/dist /image/usr/local/bin \
  && cp package.json LICENSE README.md CHANGELOG.md /image/opt/regferry/ \
  && cp bin/regferry.js /image/opt/regferry/bin/ \
  && cp dist/cli* dist/version.js /image/opt/regferry/dist/ \
  && mkdir -m 1777 /image/work && ln -s /opt/regferry/bin/regferry.js /image/usr/local/bin/regferry

FROM ${BASE}
LABEL org.opencontainers.image.title="regferry" \
  org.opencontainers.image.description="Copies container images between registries, byte for byte" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=built /image/ /
ENV NODE_ENV=production HOME=/tmp
# Nobody in particular: it needs no rights, and no home beyond where a login may be mounted.
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["regferry"]
