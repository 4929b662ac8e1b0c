-- Runs once, when the database container makes its cluster. The two roles of the registry: the
-- owner migrates; the application role reads and writes rows, and gets its rights from `migrate`.
\set ON_ERROR_STOP on
\getenv owner_password REGISTRY_OWNER_PASSWORD
\getenv application_password REGISTRY_APP_PASSWORD

CREATE ROLE registry_owner LOGIN NOSUPERUSER NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE registry_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'application_password';

-- The same order of letters as in demo and tests, whatever the machine's locale is.
CREATE DATABASE registry OWNER registry_owner TEMPLATE template0
    ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
REVOKE CONNECT, TEMPORARY ON DATABASE registry FROM PUBLIC;
GRANT CONNECT ON DATABASE registry TO registry_app;
