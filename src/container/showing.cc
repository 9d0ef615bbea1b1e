#include "container/showing.h"

#include "container/health.h"

namespace wharf::container {

std::int64_t image_bytes(const Containers::State& state, const Record& record) {
  std::int64_t bytes = 0;
  for (const std::string& diff_id : record.diff_ids) {
    bytes +=
        static_cast<std::int64_t>(state.services.layers.info(base::Digest::parse(diff_id)).size);
  }
  return bytes;
}

std::string human_duration(std::int64_t ns) {
  const std::int64_t seconds = ns / 1'000'000'000;
  const std::int64_t minutes = seconds / 60;
  // Docker: rounded to the nearest hour, from hours on.
  const auto hours = static_cast<std::int64_t>(static_cast<double>(ns) / 3.6e12 + 0.5);
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", hours / 24 / 365);
}

std::string status_text(const Container& container, const View& view, base::Time now) {
  const Ended last = view.last();
  const auto since = [&](base::Time then) { return human_duration(now.unix_ns - then.unix_ns); };
  if (view.removing) return "Removal In Progress";
  if (std::holds_alternative<Created>(view.state)) return "Created";
  if (std::holds_alternative<Dead>(view.state)) return "Dead";
  if (std::holds_alternative<Paused>(view.state)) {
    return fmt::format("Up {} (Paused)", since(last.started_at));
  }
  if (std::holds_alternative<Restarting>(view.state)) {
    return fmt::format("Restarting ({}) {} ago", last.exit_code, since(last.finished_at));
  }
  if (std::holds_alternative<Exited>(view.state)) {
    if (last.finished_at.is_zero()) return fmt::format("Exited ({})", last.exit_code);
    return fmt::format("Exited ({}) {} ago", last.exit_code, since(last.finished_at));
  }
  std::string text = "Up " + since(last.started_at);
  if (const auto health = container.health()) {
    const std::string status = shown_health(*health).status;
    if (status == "starting") text += " (health: starting)";
    if (status == "healthy" || status == "unhealthy") text += " (" + status + ")";
  }
  return text;
}

}  // namespace wharf::container
