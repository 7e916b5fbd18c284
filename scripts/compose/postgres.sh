#!/bin/bash
# Starts the postgres image. Here we are still root and may read the secrets; the image then goes on as `postgres`,
# which may not.
set -euo pipefail
OWNER_PASSWORD="$(cat /run/secrets/postgres_owner_password)"
APPLICATION_PASSWORD="$(cat /run/secrets/postgres_application_password)"
export OWNER_PASSWORD APPLICATION_PASSWORD
exec docker-entrypoint.sh "$@"
