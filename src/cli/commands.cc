// The command table: every path, its aliases, and the function that runs it.
#include "base/strings.h"
#include "cli/command.h"
#include "cli/commands/all.h"

namespace wharf::cli {
namespace {

constexpr std::string_view kNames = "CONTAINER [CONTAINER...]";
constexpr std::string_view kNamesWithOptions = "[OPTIONS] CONTAINER [CONTAINER...]";

const Command kCommands[] = {
    {"container attach", "attach", "[OPTIONS] CONTAINER",
     "Attach local standard input, output, and error streams to a running container",
     attach_command},
    {"container create", "create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container",
     create_command},
    {"container exec", "exec", "[OPTIONS] CONTAINER COMMAND [ARG...]",
     "Execute a command in a running container", exec_command},
    {"container inspect", "", "[OPTIONS] CONTAINER [CONTAINER...]",
     "Display detailed information on one or more containers", inspect_container_command},
    {"container kill", "kill", kNamesWithOptions, "Kill one or more running containers",
     kill_command},
    {"container logs", "logs", "[OPTIONS] CONTAINER", "Fetch the logs of a container",
     logs_command},
    {"container ls", "container list, container ps, ps", "[OPTIONS]", "List containers",
     ps_command},
    {"container pause", "pause", kNames, "Pause all processes within one or more containers",
     pause_command},
    {"container port", "port", "CONTAINER [PRIVATE_PORT[/PROTO]]",
     "List port mappings or a specific mapping for the container", port_command},
    {"container rename", "rename", "CONTAINER NEW_NAME", "Rename a container", rename_command},
    {"container restart", "restart", kNamesWithOptions, "Restart one or more containers",
     restart_command},
    {"container rm", "container remove, rm", kNamesWithOptions, "Remove one or more containers",
     remove_container_command},
    {"container run", "run", "[OPTIONS] IMAGE [COMMAND] [ARG...]",
     "Create and run a new container from an image", run_command},
    {"container start", "start", kNamesWithOptions, "Start one or more stopped containers",
     start_command},
    {"container stop", "stop", kNamesWithOptions, "Stop one or more running containers",
     stop_command},
    {"container top", "top", "CONTAINER [ps OPTIONS]",
     "Display the running processes of a container", top_command},
    {"container unpause", "unpause", kNames, "Unpause all processes within one or more containers",
     unpause_command},
    {"container wait", "wait", kNames,
     "Block until one or more containers stop, then print their exit codes", wait_command},
    {"image build", "build, builder build", "[OPTIONS] PATH | URL | -", "Start a build",
     build_command},
    {"image import", "import", "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
     "Import the contents from a tarball to create a filesystem image", import_command},
    {"image inspect", "", "[OPTIONS] IMAGE [IMAGE...]",
     "Display detailed information on one or more images", inspect_image_command},
    {"image load", "load", "[OPTIONS]", "Load an image from a tar archive or STDIN", load_command},
    {"image ls", "image list, images", "[OPTIONS] [REPOSITORY[:TAG]]", "List images",
     images_command},
    {"image history", "history", "[OPTIONS] IMAGE", "Show the history of an image",
     history_command},
    {"image prune", "", "[OPTIONS]", "Remove unused images", prune_images_command},
    {"image pull", "pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry",
     pull_command},
    {"image push", "push", "[OPTIONS] NAME[:TAG]", "Upload an image to a registry", push_command},
    {"image rm", "image remove, rmi", "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images",
     remove_image_command},
    {"image save", "save", "[OPTIONS] IMAGE [IMAGE...]",
     "Save one or more images to a tar archive (streamed to STDOUT by default)", save_command},
    {"image tag", "tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
     "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", tag_command},
    {"inspect", "", "[OPTIONS] NAME|ID [NAME|ID...]",
     "Return low-level information on Docker objects", inspect_command},
    {"login", "", "[OPTIONS] [SERVER]", "Authenticate to a registry", login_command},
    {"logout", "", "[SERVER]", "Log out from a registry", logout_command},
    {"search", "", "[OPTIONS] TERM", "Search Docker Hub for images", search_command},
    {"system events", "events", "[OPTIONS]", "Get real time events from the server",
     events_command},
    {"system info", "info", "[OPTIONS]", "Display system-wide information", info_command},
    {"version", "", "[OPTIONS]", "Show the Docker version information", version_command},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view path) {
  for (const Command& each : kCommands) {
    if (each.path == path) return &each;
    for (const std::string& alias : base::split(each.aliases, ',')) {
      if (base::trim(alias) == path) return &each;
    }
  }
  return nullptr;
}

}  // namespace wharf::cli
