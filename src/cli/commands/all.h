// The functions of the command table, one per command; each is described by `--help`.
#pragma once

namespace wharf::cli {

class Invocation;

int attach_command(Invocation& call);
int create_command(Invocation& call);
int events_command(Invocation& call);
int exec_command(Invocation& call);
int history_command(Invocation& call);
int images_command(Invocation& call);
int import_command(Invocation& call);
int info_command(Invocation& call);
int inspect_command(Invocation& call);
int inspect_container_command(Invocation& call);
int inspect_image_command(Invocation& call);
int kill_command(Invocation& call);
int build_command(Invocation& call);
int load_command(Invocation& call);
int login_command(Invocation& call);
int logout_command(Invocation& call);
int logs_command(Invocation& call);
int pause_command(Invocation& call);
int port_command(Invocation& call);
int prune_images_command(Invocation& call);
int ps_command(Invocation& call);
int pull_command(Invocation& call);
int push_command(Invocation& call);
int remove_container_command(Invocation& call);
int remove_image_command(Invocation& call);
int rename_command(Invocation& call);
int restart_command(Invocation& call);
int run_command(Invocation& call);
int save_command(Invocation& call);
int search_command(Invocation& call);
int start_command(Invocation& call);
int stop_command(Invocation& call);
int tag_command(Invocation& call);
int top_command(Invocation& call);
int unpause_command(Invocation& call);
int version_command(Invocation& call);
int wait_command(Invocation& call);

}  // namespace wharf::cli
