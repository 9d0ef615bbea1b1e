#include "cli/progress.h"

#include <boost/json/stream_parser.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "cli/units.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kMessageLimit = 8 << 20;

std::int64_t number_at(const base::JsonObject& object, std::string_view key) {
  const base::Json* value = object.if_contains(key);
  if (!value || !value->is_number()) return 0;
  boost::system::error_code failed;
  const auto number = value->to_number<std::int64_t>(failed);
  return failed ? 0 : number;
}

bool true_at(const base::JsonObject& object, std::string_view key) {
  const base::Json* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

const base::JsonObject* object_at(const base::JsonObject& object, std::string_view key) {
  const base::Json* value = object.if_contains(key);
  return value && value->is_object() ? &value->get_object() : nullptr;
}

}  // namespace

std::string progress_bar(const base::JsonObject& detail, std::size_t columns) {
  const std::int64_t current = number_at(detail, "current");
  const std::int64_t total = number_at(detail, "total");
  const std::string units(base::text_at(detail, "units"));
  if (current <= 0 && total <= 0) return {};
  if (total <= 0) {
    if (units.empty()) return fmt::format("{:>8}", human_size4(static_cast<double>(current)));
    return fmt::format("{} {}", current, units);
  }
  std::string out;
  const std::int64_t half =
      std::min<std::int64_t>(current * 50 / std::max<std::int64_t>(total, 1), 50);
  if (columns > 110) {
    const auto done = static_cast<std::size_t>(half);
    out = "[" + std::string(done, '=') + ">" + std::string(50 - done, ' ') + "] ";
  }
  if (true_at(detail, "hidecounts")) return out;
  if (!units.empty()) return out + fmt::format("{}/{} {}", current, total, units);
  const std::string now = human_size4(static_cast<double>(current));
  // Docker: a current past the total is no part of it; the total is left out.
  if (current > total) return out + fmt::format("{:>8}", now);
  out += fmt::format("{:>8}/{}", now, human_size4(static_cast<double>(total)));
  const std::int64_t start = number_at(detail, "start");
  if (current > 0 && half < 50 && start > 0) {
    const double seconds = static_cast<double>(::time(nullptr) - start);
    const double left =
        seconds / static_cast<double>(current) * static_cast<double>(total - current);
    if (columns > 50 && left >= 1) out += fmt::format(" {:.0f}s", left);
  }
  return out;
}

void for_each_message(http::client::Response& response,
                      const std::function<void(const base::JsonObject&)>& each) {
  boost::json::stream_parser parser;
  std::array<char, 16384> buffer;
  std::size_t bytes = 0;
  while (const std::size_t n = response.read_some(buffer)) {
    std::string_view rest(buffer.data(), n);
    while (!rest.empty()) {
      if (bytes == 0 && std::isspace(static_cast<unsigned char>(rest[0]))) {
        rest.remove_prefix(1);
        continue;
      }
      boost::system::error_code failed;
      const std::size_t used = parser.write_some(rest.data(), rest.size(), failed);
      if (failed)
        base::fail(base::Kind::Internal, "invalid message from the daemon: {}", failed.message());
      bytes += used;
      if (bytes > kMessageLimit)
        base::fail(base::Kind::TooLarge, "message of more than {} bytes", kMessageLimit);
      rest.remove_prefix(used);
      if (!parser.done()) continue;
      const base::Json value = parser.release();
      parser.reset();
      bytes = 0;
      if (value.is_object()) each(value.get_object());
    }
  }
}

std::string ProgressDisplay::line_of(const base::JsonObject& message) const {
  const std::string id(base::text_at(message, "id"));
  const std::string status(base::text_at(message, "status"));
  const base::JsonObject* detail = object_at(message, "progressDetail");
  std::string line = id.empty() ? status : id + ": " + status;
  const std::string bar = detail ? progress_bar(*detail, columns_) : std::string();
  if (!bar.empty()) line += " " + bar;
  return line;
}

void ProgressDisplay::show(const base::JsonObject& message) {
  if (const base::JsonObject* error = object_at(message, "errorDetail")) {
    throw Exit(1, std::string(base::text_at(*error, "message")));
  }
  if (message.if_contains("error")) throw Exit(1, std::string(base::text_at(message, "error")));
  if (message.if_contains("aux")) return;
  const std::string id(base::text_at(message, "id"));
  const base::JsonObject* detail = object_at(message, "progressDetail");
  const bool has_bar = detail && !progress_bar(*detail, columns_).empty();
  if (columns_ && (has_bar || !id.empty())) return show_on_terminal(message, id);
  ids_.clear();
  const std::string_view stream = base::text_at(message, "stream");
  if (!columns_ && has_bar && stream.empty()) return;  // Bars are only for terminals.
  if (!stream.empty()) return write_(stream);
  write_(line_of(message) + "\n");
}

void ProgressDisplay::show_on_terminal(const base::JsonObject& message, const std::string& id) {
  const auto known = std::find(ids_.begin(), ids_.end(), id);
  const auto line = static_cast<std::size_t>(known - ids_.begin());
  std::string out;
  if (known == ids_.end()) {
    ids_.push_back(id);
    out += "\n";
  }
  const std::size_t up = ids_.size() - line;
  out += fmt::format("\x1b[{}A\x1b[2K\r", up);
  out += line_of(message);
  out += fmt::format("\r\x1b[{}B", up);
  write_(out);
}

void ProgressDisplay::show_all(http::client::Response& response,
                               const std::function<void(const base::JsonObject&)>& seen) {
  for_each_message(response, [&](const base::JsonObject& message) {
    if (seen) seen(message);
    show(message);
  });
}

}  // namespace wharf::cli
