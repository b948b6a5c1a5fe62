/* SPDX-License-Identifier: Apache-2.0
 *
 * The tools of agent-box: each is a struct cnt_verb beside its function. What agent-box.c names in
 * in_process runs inside the server: it may not block.
 */
#ifndef CNT_MCP_BOX_H
#define CNT_MCP_BOX_H

#include "lib/verb.h"

extern const struct cnt_verb cnt_box_process_start, cnt_box_process_list, cnt_box_process_read,
    cnt_box_process_write, cnt_box_process_wait, cnt_box_process_kill, cnt_box_wait_for_port;
extern const struct cnt_verb cnt_box_shell_exec, cnt_box_read_file, cnt_box_write_file,
    cnt_box_list_directory, cnt_box_file_info, cnt_box_make_directory, cnt_box_move_file,
    cnt_box_copy_file, cnt_box_edit_file, cnt_box_delete_file, cnt_box_info,
    cnt_box_search_files, cnt_box_find_files, cnt_box_tail_log;

/* switch.c: is the variable 1? 1, 0, or -1: it is another word. */
int	 cnt_box_switch(const char *name, struct cnt_err *e);

#endif
