// The container's own directory, <data-root>/containers/<id>.
#include <fcntl.h>

#include "container/record.h"
#include "container/state.h"
#include "os/file.h"

namespace wharf::container {

void Containers::State::save_state(const Container& container, const base::Json& sandbox,
                                   const Ended& last) const {
  const View view = container.view();
  StateFile file;
  file.restart_count = view.restart_count;
  file.manually_stopped = view.manually_stopped;
  file.ever_started = !std::holds_alternative<Created>(view.state);
  file.exit_code = last.exit_code;
  file.error = last.error;
  file.started_at = last.started_at;
  file.sandbox = sandbox;
  os::replace_file(directory(container.id) / "state.json", base::to_text(to_json(file)), 0600);
}

void Containers::State::write_etc_files(const std::string& id, const std::string& hostname,
                                        const std::string& hosts,
                                        const std::string& resolv_conf) const {
  const os::Path path = directory(id);
  // In place: the files of a container that ran before may be held open by somebody.
  const auto write = [&](const char* name, const std::string& content) {
    const os::Fd file = os::open_file(path / name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
    os::write_all(file, content);
  };
  write("hostname", hostname + "\n");
  write("hosts", hosts);
  write("resolv.conf", resolv_conf);
}

}  // namespace wharf::container
