#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Gemini CLI works with boxes: see session.sh. It drops results that do not fit a tool's outputSchema,
# and quotes errors twice.
. "$(dirname "$0")/../../tap.sh"

agents=$tests/agents/more name=gemini file=.gemini/settings.json
. "$tests/agents/session.sh"

beside() {
	jq -c '{ security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } },
	    privacy: { usageStatisticsEnabled: false }, general: { enableAutoUpdate: false } } + .'
}
gemini() {
	in_home "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:$port" GEMINI_API_KEY=x \
		node "$modules/@google/gemini-cli/bundle/gemini.js" "$@"
}
agent() { gemini -m gemini-2.5-pro --approval-mode yolo -p "$1"; }
lists() { gemini mcp list; }

session
session_in_box
prompts "/new_box --name=$box"
