// Host name, domain name, sysctls, time offsets: settings of the new namespaces.
#include <fcntl.h>
#include <sched.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

void write_setting(Report& report, int proc, const oci::Setting& setting) {
  base::Text<511> path("sys/");
  for (const char letter : setting.name) path.put(letter == '.' ? '/' : letter);
  // A name of an interface may hold dots; the spec then writes slashes and dots as sysctl(8).
  const int fd =
      kernel::openat2(proc, path.c_str(), O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  report.check(fd, "open sysctl ", setting.name);
  const ssize_t written = ::write(fd, setting.value.data(), setting.value.size());
  report.check(written, "write sysctl ", setting.name, " = ", setting.value);
  ::close(fd);
}

struct Owner {
  std::string_view prefix;
  std::uint64_t namespace_flag;
};
/// Settings that belong to a namespace; all others are the host's and refused.
constexpr Owner kOwners[] = {{"net.", CLONE_NEWNET},
                             {"fs.mqueue.", CLONE_NEWIPC},
                             {"kernel.msgmax", CLONE_NEWIPC},
                             {"kernel.msgmnb", CLONE_NEWIPC},
                             {"kernel.msgmni", CLONE_NEWIPC},
                             {"kernel.sem", CLONE_NEWIPC},
                             {"kernel.shmall", CLONE_NEWIPC},
                             {"kernel.shmmax", CLONE_NEWIPC},
                             {"kernel.shmmni", CLONE_NEWIPC},
                             {"kernel.shm_rmid_forced", CLONE_NEWIPC},
                             {"kernel.domainname", CLONE_NEWUTS},
                             {"kernel.hostname", CLONE_NEWUTS},
                             {"user.", CLONE_NEWUSER}};

void refuse_setting_of_host(Init& init, const oci::Setting& setting) {
  base::Text<255> name;
  for (const char letter : setting.name) name.put(letter == '/' ? '.' : letter);
  for (const Owner& owner : kOwners) {
    if (!name.view().starts_with(owner.prefix)) continue;
    const bool net = owner.namespace_flag == CLONE_NEWNET && init.inputs.network_namespace >= 0;
    if (net || init.spec.find_namespace(owner.namespace_flag) != nullptr) return;
  }
  init.report.fail("sysctl \"", setting.name, "\" is not in a separate kernel namespace");
}

}  // namespace

int private_proc(Report& report) {
  const int context = report.check(kernel::fsopen("proc"), "open a private procfs");
  report.check(kernel::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr), "make a procfs");
  const int proc = report.check(kernel::fsmount(context, 0), "make a procfs");
  ::close(context);
  return proc;
}

void write_sysctls(Init& init) {
  if (init.spec.sysctls.empty()) return;
  for (const oci::Setting& setting : init.spec.sysctls) refuse_setting_of_host(init, setting);
  const int proc = private_proc(init.report);
  for (const oci::Setting& setting : init.spec.sysctls) {
    write_setting(init.report, proc, setting);
  }
  ::close(proc);
}

void set_names(Init& init) {
  const std::string_view host = init.spec.hostname;
  const std::string_view domain = init.spec.domain_name;
  if (!host.empty()) {
    if (init.spec.find_namespace(CLONE_NEWUTS) == nullptr) {
      init.report.fail("unable to set hostname without a private UTS namespace");
    }
    init.report.check(::sethostname(host.data(), host.size()), "set hostname ", host);
  }
  if (!domain.empty()) {
    if (init.spec.find_namespace(CLONE_NEWUTS) == nullptr) {
      init.report.fail("unable to set domainname without a private UTS namespace");
    }
    init.report.check(::setdomainname(domain.data(), domain.size()), "set domainname ", domain);
  }
}

}  // namespace wharf::runtime
