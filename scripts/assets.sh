#!/bin/bash
# Builds the pages' style sheet and scripts into internal/web/static/files, which
# is committed: to build the program nobody needs Node.
set -euo pipefail
cd "$(dirname "$0")/../internal/web/assets"

if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
	npm ci --ignore-scripts --no-audit --no-fund
fi
sheet=$(mktemp -d)
trap 'rm -rf "$sheet"' EXIT
node_modules/.bin/tailwindcss -i app.css -o "$sheet/app.css" --minify
go run ./pack . "$sheet/app.css" ../static/files
