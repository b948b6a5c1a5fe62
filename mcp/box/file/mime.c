/* SPDX-License-Identifier: Apache-2.0
 *
 * A small table instead of libmagic, which no box is sure to have: enough to know text from what
 * is not, and the formats that tools are chosen by. The bytes decide; a name only says which kind
 * of text it is.
 */
#include "mcp/box/file/mime.h"

#include "lib/json.h"

static const struct {
	unsigned short	 at, n;
	const char	*bytes, *mime;
} magics[] = {
	{ 0, 4, "\x7f" "ELF", "application/x-elf" },
	{ 0, 8, "\x89PNG\r\n\x1a\n", "image/png" },
	{ 0, 3, "\xff\xd8\xff", "image/jpeg" },
	{ 0, 4, "GIF8", "image/gif" },
	{ 8, 4, "WEBP", "image/webp" },
	{ 8, 4, "WAVE", "audio/x-wav" },
	{ 0, 4, "OggS", "audio/ogg" },
	{ 0, 3, "ID3", "audio/mpeg" },
	{ 4, 4, "ftyp", "video/mp4" },
	{ 0, 4, "\x1a\x45\xdf\xa3", "video/x-matroska" },
	{ 0, 5, "%PDF-", "application/pdf" },
	{ 0, 4, "PK\x03\x04", "application/zip" },
	{ 0, 3, "\x1f\x8b\x08", "application/gzip" },
	{ 0, 6, "\xfd" "7zXZ", "application/x-xz" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "application/zstd" },
	{ 0, 3, "BZh", "application/x-bzip2" },
	{ 0, 4, "7z\xbc\xaf", "application/x-7z-compressed" },
	{ 257, 5, "ustar", "application/x-tar" },
	{ 0, 8, "!<arch>\n", "application/x-archive" },
	{ 0, 16, "SQLite format 3", "application/vnd.sqlite3" },
	{ 0, 4, "\0asm", "application/wasm" },
	{ 0, 4, "\xca\xfe\xba\xbe", "application/java-vm" },
};

static const struct {
	const char	*suffix, *mime;
} texts[] = {
	{ "c", "text/x-c" }, { "h", "text/x-c" }, { "cc", "text/x-c++" }, { "cpp", "text/x-c++" },
	{ "hpp", "text/x-c++" }, { "rs", "text/x-rust" }, { "go", "text/x-go" },
	{ "java", "text/x-java" }, { "py", "text/x-python" }, { "rb", "text/x-ruby" },
	{ "pl", "text/x-perl" }, { "php", "text/x-php" }, { "lua", "text/x-lua" },
	{ "sh", "text/x-shellscript" }, { "js", "text/javascript" }, { "mjs", "text/javascript" },
	{ "ts", "text/x-typescript" }, { "tsx", "text/x-typescript" }, { "css", "text/css" },
	{ "html", "text/html" }, { "htm", "text/html" }, { "xml", "text/xml" },
	{ "svg", "image/svg+xml" }, { "json", "application/json" },
	{ "jsonl", "application/jsonl" }, { "yaml", "application/yaml" },
	{ "yml", "application/yaml" }, { "toml", "application/toml" }, { "md", "text/markdown" },
	{ "csv", "text/csv" }, { "tsv", "text/tab-separated-values" }, { "sql", "application/sql" },
	{ "diff", "text/x-diff" }, { "patch", "text/x-diff" }, { "tex", "text/x-tex" },
};

static const char *
by_suffix(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < nitems(texts); i++)
		if (strcasecmp(dot + 1, texts[i].suffix) == 0)
			return texts[i].mime;
	return NULL;
}

/* The last code point may be cut by the end of what was read. */
static bool
is_text(const char *bytes, size_t n)
{
	return memchr(bytes, '\0', n) == NULL && n - cnt_utf8_valid(bytes, n) < 4;
}

const char *
cnt_mime(const char *name, const char *bytes, size_t n)
{
	const char *text = by_suffix(name);

	for (size_t i = 0; i < nitems(magics); i++)
		if (n >= (size_t)magics[i].at + magics[i].n &&
		    memcmp(bytes + magics[i].at, magics[i].bytes, magics[i].n) == 0)
			return magics[i].mime;
	if (n == 0)
		return text != NULL ? text : "inode/x-empty";
	if (!is_text(bytes, n))
		return "application/octet-stream";
	if (text != NULL)
		return text;
	return n > 2 && memcmp(bytes, "#!", 2) == 0 ? "text/x-script" : "text/plain";
}
