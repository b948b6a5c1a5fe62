/* SPDX-License-Identifier: Apache-2.0
 *
 * Results: for people by the verb's table, and as the answer of tools/call.
 */
#include "lib/verb.h"

#include <ctype.h>

static char *
plain(const cJSON *v)
{
	if (cJSON_IsString(v))
		return cnt_strdup(v->valuestring);
	if (cJSON_IsNull(v) || v == NULL)
		return cnt_strdup("-");
	if (cJSON_IsBool(v))
		return cnt_strdup(cJSON_IsTrue(v) ? "yes" : "no");
	return cnt_json_print(v);
}

char *
cnt_print_size(int64_t bytes)
{
	static const char units[] = "bkmgt";
	double n = (double)bytes;
	int u = 0;

	if (bytes < 0)
		return cnt_strdup("unlimited");
	for (; n >= 1024 && u < 4; u++)
		n /= 1024;
	if (u == 0)
		return cnt_format("%.0f", n);
	return cnt_format(n >= 10 || n == (double)(int)n ? "%.0f%c" : "%.1f%c", n, units[u]);
}

static char *
cell(const struct cnt_field *f, const cJSON *v)
{
	if (f->type == CNT_SIZE && cJSON_IsRaw(v))
		return cnt_print_size(strtoll(v->valuestring, NULL, 10));
	return f->type == CNT_SIZE && cJSON_IsNumber(v) ? cnt_print_size((int64_t)v->valuedouble) :
	    plain(v);
}

static void
heading(const char *name, int width, FILE *f)
{
	int n = 0;

	for (; name[n] != '\0'; n++)
		fputc(name[n] == '_' ? ' ' : toupper((unsigned char)name[n]), f);
	for (; n < width; n++)
		fputc(' ', f);
}

static void
print_table(const struct cnt_field *fields, const cJSON *rows, FILE *f)
{
	int width[32] = { 0 }, n = 0;
	const cJSON *row = NULL;

	for (; n < 32 && fields[n].name != NULL; n++) {
		width[n] = (int)strlen(fields[n].name);
		cJSON_ArrayForEach(row, rows) {
			char *s CNT_FREE = cell(&fields[n], cnt_json_get(row, fields[n].name));

			width[n] = (int)strlen(s) > width[n] ? (int)strlen(s) : width[n];
		}
	}
	for (int i = 0; i < n; i++)
		heading(fields[i].name, i + 1 < n ? width[i] + 2 : 0, f);
	fputc('\n', f);
	cJSON_ArrayForEach(row, rows) {
		for (int i = 0; i < n; i++) {
			char *s CNT_FREE = cell(&fields[i], cnt_json_get(row, fields[i].name));

			fprintf(f, "%-*s", i + 1 < n ? width[i] + 2 : 0, s);
		}
		fputc('\n', f);
	}
}

static void
print_fields(const struct cnt_field *fields, const cJSON *out, const char *prefix, FILE *f)
{
	struct cnt_err e = { 0 };

	for (const struct cnt_field *p = fields; p != NULL && p->name != NULL; p++) {
		const cJSON *v = cnt_json_get(out, p->name);
		char *name CNT_FREE = cnt_format("%s%s", prefix, p->name);
		cJSON *rows CNT_JSON = v != NULL && cJSON_IsRaw(v) && p->type == CNT_OBJECTS ?
		    cnt_json_parse(v->valuestring, strlen(v->valuestring), &e) : NULL;
		char *s CNT_FREE = NULL;

		if (v == NULL || cJSON_IsNull(v))
			continue;
		if (p->type == CNT_OBJECTS) {
			print_table(p->of, rows != NULL ? rows : v, f);
		} else if (p->type == CNT_OBJECT) {
			char *inner CNT_FREE = cnt_format("%s.", name);

			print_fields(p->of, v, inner, f);
		} else {
			s = cell(p, v);
			fprintf(f, "%-16s %s\n", name, s);
		}
	}
}

void
cnt_print(const struct cnt_verb *v, const cJSON *out, FILE *f)
{
	if (v->print != NULL)
		v->print(out, f);
	else
		print_fields(v->results, out, "", f);
}

/* Head and foot name paths, which may hold any bytes. */
static void
add_frame(const struct cnt_buf *lines, struct cnt_buf *b)
{
	struct cnt_buf text CNT_BUF = { 0 };

	if (lines->n > 0)
		cnt_utf8_add(&text, lines->p, lines->n);
	cnt_json_escape(b, text.p, text.n);
}

/* What a bulk verb has to show; an error that comes with it gets a line of its own. */
static void
add_bulk(const struct cnt_call *c, bool error, struct cnt_buf *b)
{
	const struct cnt_buf *last = c->foot.n > 0 ? &c->foot : c->body.n > 0 ? &c->body : &c->head;

	add_frame(&c->head, b);
	cnt_json_escape(b, c->body.p, c->body.n);
	add_frame(&c->foot, b);
	if (error && last->p[last->n - 1] != '\n')
		cnt_buf_adds(b, "\\n");
}

/* Popular clients show the model only one of content and structuredContent, so the text of a
 * structured result is the same JSON. An error has no structuredContent: it would not fit the
 * output schema. */
void
cnt_call_result(const struct cnt_call *c, int r, struct cnt_buf *b)
{
	static const char text[] = "\"content\":[{\"type\":\"text\",\"text\":\"";
	cJSON *error CNT_JSON = r == -1 ? cnt_err_json(c->err) : NULL;
	char *error_text CNT_FREE = error != NULL ? cnt_json_print(error) : NULL;
	char *out CNT_FREE = cnt_json_print(c->out);

	cnt_buf_adds(b, "{");
	if (c->verb->bulk && (r == 0 || c->head.n != 0)) {
		cnt_buf_addf(b, "\"_meta\":{\"cnt/result\":%s},%s", out, text);
		add_bulk(c, r == -1, b);
	} else if (r == -1) {
		cnt_buf_adds(b, text);
	} else {
		/* As text of a string it is a fifth longer. */
		cnt_buf_room(b, strlen(out) * 9 / 4);
		cnt_buf_adds(b, "\"structuredContent\":");
		cnt_buf_adds(b, out);
		cnt_buf_addf(b, ",%s", text);
		cnt_json_escape(b, out, strlen(out));
	}
	if (error_text != NULL) {
		cnt_buf_adds(b, "{\\\"error\\\":");
		cnt_json_escape(b, error_text, strlen(error_text));
		cnt_buf_adds(b, "}");
	}
	cnt_buf_addf(b, "\"}],\"isError\":%s}", r == -1 ? "true" : "false");
}

void
cnt_progress(struct cnt_call *c, double done, double total, const char *text)
{
	if (c->progress != NULL)
		c->progress(c, done, total, text);
}
