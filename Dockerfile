# syntax=docker/dockerfile:1

# Every dependency, and the build. No install script runs: none is needed to compile.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json nest-cli.json ./
COPY apps apps
COPY libs libs
COPY migrations migrations
RUN npm run build && rm -f dist/.tsbuildinfo

# What production needs and nothing else.
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund && npm cache clean --force

FROM node:24-slim
ENV NODE_ENV=production \
    COMPOSER_STAGE=production \
    COMPOSER_DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=9000
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE NOTICE ./
# The command line of the same build: `docker compose exec composer composer tenant list`.
RUN printf '#!/bin/sh\nexec node /app/dist/apps/composer/src/cli.js "$@"\n' > /usr/local/bin/composer \
    && chmod 0755 /usr/local/bin/composer \
    && mkdir /data && chown node:node /data && chmod 0700 /data
USER node
# The root file system may be read-only: the process writes to /tmp, and to /data the embedded database, or
# credentials that wait for the database.
VOLUME ["/data"]
EXPOSE 9000
STOPSIGNAL SIGTERM
# `fetch` sends the Host header 127.0.0.1, which the composer always accepts from itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/apps/composer/src/main.js"]
