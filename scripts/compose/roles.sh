#!/bin/bash
# Runs once, by the postgres image, on an empty data directory. Two roles: the owner makes tables (migrations alone
# use it), the application reads and writes rows. The application owns nothing, so it cannot switch row-level
# security off.
set -euo pipefail

# psql takes the passwords from the environment: on a command line, every process of the container could see them.
psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet -v ON_ERROR_STOP=1 <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv application_password APPLICATION_PASSWORD
CREATE ROLE composer_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE composer_application LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'application_password';
CREATE DATABASE composer OWNER composer_owner;
REVOKE ALL ON DATABASE composer FROM PUBLIC;
GRANT CONNECT ON DATABASE composer TO composer_application;
\connect composer
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO composer_application;
SQL
