#include "cli/build_progress.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::cli {
namespace {

/// Reads protobuf fields one after another: only numbers and bytes, as the messages here have.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  bool next() {
    std::uint64_t key = 0;
    if (rest_.empty() || !varint(key)) return false;
    number = static_cast<unsigned>(key >> 3);
    bytes = {};
    value = 0;
    if ((key & 7) == 0) return varint(value);
    std::uint64_t size = 0;
    if ((key & 7) != 2 || !varint(size) || size > rest_.size()) return false;
    bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  unsigned number = 0;
  std::uint64_t value = 0;
  std::string_view bytes;

 private:
  bool varint(std::uint64_t& out) {
    out = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  std::string_view rest_;
};

std::int64_t time_of(std::string_view bytes) {
  std::int64_t ns = 0;
  for (Fields field(bytes); field.next();) {
    const auto value = static_cast<std::int64_t>(field.value);
    ns += field.number == 1 ? value * 1'000'000'000 : value;
  }
  return ns;
}

}  // namespace

void BuildProgress::show(std::string_view base64) {
  std::string bytes;
  try {
    bytes = base::base64_decode(base64);
  } catch (const base::Error&) {
    return;
  }
  for (Fields field(bytes); field.next();) {
    if (field.number == 1) vertex(field.bytes);
    if (field.number == 3) log(field.bytes);
  }
}

void BuildProgress::line(const Step& step, std::int64_t at_ns, std::string_view text) {
  if (last_ != 0 && last_ != step.number) write_("\n");
  last_ = step.number;
  if (at_ns == 0) return write_(fmt::format("#{} {}\n", step.number, text));
  const double seconds = static_cast<double>(at_ns - step.started_ns) / 1e9;
  write_(fmt::format("#{} {:.3f} {}\n", step.number, seconds, text));
}

void BuildProgress::vertex(std::string_view bytes) {
  std::string digest, name, error;
  bool cached = false;
  std::int64_t started = 0;
  std::int64_t completed = 0;
  for (Fields field(bytes); field.next();) {
    if (field.number == 1) digest = field.bytes;
    if (field.number == 3) name = field.bytes;
    if (field.number == 4) cached = field.value != 0;
    if (field.number == 5) started = time_of(field.bytes);
    if (field.number == 6) completed = time_of(field.bytes);
    if (field.number == 7) error = field.bytes;
  }
  Step& step = steps_[digest];
  if (step.number == 0) {
    step.number = static_cast<int>(steps_.size());
    step.started_ns = started;
    line(step, 0, name);
  }
  if (completed == 0 || step.done) return;
  step.done = true;
  if (!step.unfinished.empty()) line(step, completed, std::exchange(step.unfinished, {}));
  if (!error.empty()) return line(step, 0, "ERROR: " + error);
  if (cached) return line(step, 0, "CACHED");
  line(step, 0, fmt::format("DONE {:.1f}s", static_cast<double>(completed - started) / 1e9));
}

void BuildProgress::log(std::string_view bytes) {
  std::string digest;
  std::string_view text;
  std::int64_t at = 0;
  for (Fields field(bytes); field.next();) {
    if (field.number == 1) digest = field.bytes;
    if (field.number == 2) at = time_of(field.bytes);
    if (field.number == 4) text = field.bytes;
  }
  const auto found = steps_.find(digest);
  if (found == steps_.end()) return;
  Step& step = found->second;
  constexpr std::size_t kLongestLine = 64 << 10;
  for (const char c : text) {
    if (c != '\n' && step.unfinished.size() < kLongestLine) {
      step.unfinished += c;
      continue;
    }
    line(step, at, std::exchange(step.unfinished, {}));
  }
}

}  // namespace wharf::cli
