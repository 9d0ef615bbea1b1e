#include "cgroup/scope.h"

#include <time.h>

#include "cgroup/scope_properties.h"
#include "cgroup/systemd.h"

namespace wharf::cgroup {
namespace {

/// As long as runc waits.
constexpr int kPatienceMs = 30'000;
/// A message with some three hundred device rules.
constexpr std::size_t kMessageBytes = 16384;
constexpr std::string_view kSliceSuffix = ".slice";
constexpr std::string_view kDefaultSlice = "system.slice";
constexpr std::size_t kMaxUnitBytes = 255;

bool is_slice(std::string_view slice) {
  if (!slice.ends_with(kSliceSuffix)) return false;
  slice.remove_suffix(kSliceSuffix.size());
  if (slice == "-") return true;
  if (slice.empty() || slice.ends_with('-')) return false;
  // Each part is a slice of its own, so none is without a name.
  while (!slice.empty()) {
    if (base::split(slice, '-').empty()) return false;
  }
  return true;
}

bool is_part(std::string_view part) {
  return part.find_first_of(std::string_view("/\0", 2)) == part.npos;
}

bool is_refusal(std::string_view error, std::string_view of) {
  constexpr std::string_view kNames[] = {"org.freedesktop.systemd1.",
                                         "org.freedesktop.DBus.Error."};
  for (const std::string_view prefix : kNames) {
    if (error.starts_with(prefix) && error.substr(prefix.size()) == of) return true;
  }
  return false;
}

void forget_failure(Systemd& systemd, std::string_view unit) {
  char memory[512 + kMaxUnitBytes];
  dbus::Marshal message(memory);
  systemd.begin(message, "ResetFailedUnit", "s");
  message.text(unit);
  Failure ignored;  // NoSuchUnit, most of the time.
  (void)systemd.call(message, ignored);
}

void begin_stop(Systemd& systemd, dbus::Marshal& message, std::string_view unit) {
  systemd.begin(message, "StopUnit", "ss");
  message.text(unit);
  message.text("replace");
}

/// A start that was asked for and not answered may come about later.
void abandon(Systemd& systemd, std::string_view unit) {
  char memory[512 + kMaxUnitBytes];
  dbus::Marshal message(memory);
  begin_stop(systemd, message, unit);
  systemd.send_only(message);
}

void sleep_ms(long milliseconds) {
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

/// Says that it is not about the container: which scope could not be had, and why.
bool explain(std::string_view what, std::string_view unit, const Failure& why, Failure& failure) {
  if (!failure.failed()) failure.error = why.error;
  return failure.because("cgroup: ", what, " ", unit, ": ", why.text.view());
}

}  // namespace

Manager manager_of(std::string_view cgroups_path) {
  const bool plain = cgroups_path.starts_with('/') || cgroups_path.find(':') == cgroups_path.npos;
  return plain ? Manager::Files : Manager::Systemd;
}

bool Scope::parse(std::string_view cgroups_path, Failure& failure) {
  std::string_view rest = cgroups_path;
  slice = base::split(rest, ':');
  prefix = base::split(rest, ':');
  name = rest;
  const std::size_t first = cgroups_path.find(':');
  const bool three = first != cgroups_path.npos &&
                     cgroups_path.find(':', first + 1) != cgroups_path.npos &&
                     name.find(':') == name.npos && !name.empty();
  if (!three || !is_part(prefix) || !is_part(name)) {
    return failure.because(
        "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd ", "cgroups, got ",
        base::Quoted{cgroups_path}, " instead");
  }
  if (slice.empty()) slice = kDefaultSlice;
  if (!is_slice(slice) || !is_part(slice)) {
    return failure.because("invalid slice name: ", slice);
  }
  base::Text<kMaxUnitBytes> unit;
  put_unit(unit);
  if (unit.truncated() || slice.size() > kMaxUnitBytes)
    return failure.because("cgroup: scope name too long: ", cgroups_path);
  return true;
}

void Scope::put_unit(base::Writer& into) const {
  into.put(prefix, prefix.empty() ? "" : "-", name, ".scope");
}

void Scope::put_path(base::Writer& into) const {
  std::string_view names = slice;
  names.remove_suffix(kSliceSuffix.size());
  if (names != "-") {
    for (std::size_t end = 0; end != names.npos;) {
      end = names.find('-', end + 1);
      into.put("/", names.substr(0, end), kSliceSuffix);
    }
  }
  into.put("/");
  put_unit(into);
}

bool Scope::start(pid_t pid, const oci::Resources& resources, bool unified,
                  Failure& failure) const {
  // An earlier life's scope is forgotten some moments after its end.
  constexpr int kTries = 20;
  constexpr long kPauseMs = 20;
  base::Text<kMaxUnitBytes> unit;
  put_unit(unit);
  Systemd systemd(kPatienceMs);
  Failure why;
  if (!systemd.connect(why)) return explain("make", unit.view(), why, failure);
  Properties properties{unified, Release::Current};
  for (int i = 0; i < kTries; ++i) {
    why = {};
    char memory[kMessageBytes];
    dbus::Marshal message(memory);
    systemd.begin(message, "StartTransientUnit", "ssa(sv)a(sa(sv))");
    message.text(unit.view());
    message.text("replace");
    properties.put_new(message, *this, pid, resources);
    message.close_array(message.open_array(8));
    if (systemd.run_job(message, unit.view(), why)) return true;
    if (is_refusal(systemd.error_name(), "PropertyReadOnly") &&
        properties.release == Release::Current) {
      properties.release = Release::Old;
      continue;
    }
    if (!is_refusal(systemd.error_name(), "UnitExists")) break;
    forget_failure(systemd, unit.view());
    sleep_ms(kPauseMs);
  }
  if (systemd.error_name().empty()) abandon(systemd, unit.view());
  return explain("make", unit.view(), why, failure);
}

bool Scope::update(const oci::Resources& resources, bool unified, Failure& failure) const {
  base::Text<kMaxUnitBytes> unit;
  put_unit(unit);
  Systemd systemd(kPatienceMs);
  Failure why;
  if (!systemd.connect(why)) return explain("change", unit.view(), why, failure);
  for (const Release release : {Release::Current, Release::Old}) {
    why = {};
    char memory[kMessageBytes];
    dbus::Marshal message(memory);
    systemd.begin(message, "SetUnitProperties", "sba(sv)");
    message.text(unit.view());
    message.boolean(true);  // until the machine ends, as the scope itself
    Properties{unified, release}.put_changed(message, resources);
    if (systemd.call(message, why)) return true;
    if (!is_refusal(systemd.error_name(), "PropertyReadOnly")) break;
  }
  return explain("change", unit.view(), why, failure);
}

void Scope::stop(int patience_ms) const {
  base::Text<kMaxUnitBytes> unit;
  put_unit(unit);
  Systemd systemd(patience_ms);
  Failure ignored;
  if (!systemd.connect(ignored)) return;
  char memory[512 + kMaxUnitBytes];
  dbus::Marshal message(memory);
  begin_stop(systemd, message, unit.view());
  // systemd may have seen the end by itself: then there is no such unit.
  (void)systemd.run_job(message, unit.view(), ignored);
  if (!systemd.timed_out()) forget_failure(systemd, unit.view());
}

}  // namespace wharf::cgroup
