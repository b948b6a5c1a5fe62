#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Claude Code works with boxes: see session.sh. It finds the tools by its own search.
. "$(dirname "$0")/../tap.sh"

agents=$tests/agents name=claude file=.claude.json
. "$tests/agents/session.sh"

claude() {
	in_home "ANTHROPIC_BASE_URL=http://127.0.0.1:$port" ANTHROPIC_API_KEY=x \
		CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1 \
		"$modules"/@anthropic-ai/claude-code-linux-x64/claude "$@"
}
agent() { claude -p "$1" --allowedTools mcp__cnt "mcp__$box"; }
lists() { claude mcp list; }

session
session_in_box
prompts "/mcp__cnt__new_box $box"
