#include "layer/verdict.h"

#include <fcntl.h>

#include "base/fields.h"
#include "base/strings.h"
#include "os/file.h"

namespace wharf::layer {
namespace {

/// Names are any bytes, so they go as base64.
struct OntoText {
  std::string below;
  std::string shown;
  bool set_owner = false;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool keep_kinds = false;
  std::string uid_map;
  std::string gid_map;
};

struct OrderText {
  std::uint64_t max_bytes = 0;
  std::uint64_t max_entries = 0;
  std::uint64_t reserve_bytes = 0;
  unsigned writers = 0;
  std::optional<OntoText> onto;
};

struct VerdictText {
  std::string refusal;
  int kind = 0;
  int error_number = 0;
  std::string diff_id;
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
  std::uint64_t skipped_xattrs = 0;
};

constexpr std::size_t kMaxImplied = 64 << 20;
constexpr std::size_t kMaxRefusal = 4096;

}  // namespace
}  // namespace wharf::layer

namespace wharf::base {

template <>
struct Fields<layer::OntoText> {
  using T = layer::OntoText;
  static constexpr auto table = std::make_tuple(
      field("below", &T::below), field("shown", &T::shown), field("set_owner", &T::set_owner),
      field("uid", &T::uid), field("gid", &T::gid), field("keep_kinds", &T::keep_kinds),
      field("uid_map", &T::uid_map, Omit::Empty), field("gid_map", &T::gid_map, Omit::Empty));
};

template <>
struct Fields<layer::OrderText> {
  using T = layer::OrderText;
  static constexpr auto table =
      std::make_tuple(field("max_bytes", &T::max_bytes), field("max_entries", &T::max_entries),
                      field("reserve_bytes", &T::reserve_bytes), field("writers", &T::writers),
                      field("onto", &T::onto, Omit::Empty));
};

template <>
struct Fields<layer::VerdictText> {
  using T = layer::VerdictText;
  static constexpr auto table = std::make_tuple(
      field("refusal", &T::refusal), field("kind", &T::kind), field("errno", &T::error_number),
      field("diff_id", &T::diff_id), field("size", &T::size), field("entries", &T::entries),
      field("skipped_xattrs", &T::skipped_xattrs));
};

}  // namespace wharf::base

namespace wharf::layer {
namespace {

/// JSON is UTF-8; names in a refusal may be any bytes.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxRefusal)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return out;
}

}  // namespace

std::string to_text(const Order& order) {
  OrderText text{.max_bytes = order.limits.max_bytes,
                 .max_entries = order.limits.max_entries,
                 .reserve_bytes = order.limits.reserve_bytes,
                 .writers = order.writers,
                 .onto = {}};
  if (const auto& onto = order.onto) {
    text.onto = OntoText{base::base64_encode(onto->below),
                         base::base64_encode(onto->shown),
                         onto->set_owner,
                         onto->uid,
                         onto->gid,
                         onto->keep_kinds,
                         os::to_text(onto->ids.uids),
                         os::to_text(onto->ids.gids)};
  }
  return base::to_text(base::to_json(text));
}

Order parse_order(std::string_view text) {
  OrderText read;
  base::from_json(base::parse_json(text), read);
  Order order;
  order.limits = {read.max_bytes, read.max_entries, read.reserve_bytes};
  order.writers = std::min(read.writers, 8U);
  if (const auto& onto = read.onto) {
    order.onto = archive::Onto{base::base64_decode(onto->below),
                               base::base64_decode(onto->shown),
                               onto->set_owner,
                               onto->uid,
                               onto->gid,
                               onto->keep_kinds,
                               {os::parse_id_map(onto->uid_map), os::parse_id_map(onto->gid_map)}};
  }
  return order;
}

std::string to_text(const Verdict& verdict) {
  VerdictText text{.refusal = printable(verdict.refusal),
                   .kind = static_cast<int>(verdict.kind),
                   .error_number = verdict.error_number,
                   .diff_id = verdict.diff_id.text(),
                   .size = verdict.size,
                   .entries = verdict.entries,
                   .skipped_xattrs = verdict.skipped_xattrs};
  return base::to_text(base::to_json(text));
}

Verdict parse_verdict(std::string_view text) {
  VerdictText read;
  base::from_json(base::parse_json(text), read);
  Verdict verdict;
  verdict.refusal = printable(read.refusal);
  const bool known = read.kind >= 0 && read.kind <= static_cast<int>(base::Kind::Cancelled);
  verdict.kind = known ? static_cast<base::Kind>(read.kind) : base::Kind::Internal;
  verdict.error_number = read.error_number;
  if (verdict.refusal.empty()) verdict.diff_id = base::Digest::parse(read.diff_id);
  verdict.size = read.size;
  verdict.entries = read.entries;
  verdict.skipped_xattrs = read.skipped_xattrs;
  return verdict;
}

void write_implied(const os::Fd& layer, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const os::Fd file = os::open_at(layer, "implied", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  std::string text;
  for (const std::string& name : names) text.append(name).push_back('\0');
  os::write_all(file, text);
}

std::vector<std::string> read_implied(const os::Fd& layer) {
  std::string text;
  try {
    text = os::read_all(os::open_at(layer, "implied", O_RDONLY | O_NOFOLLOW), kMaxImplied);
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

}  // namespace wharf::layer
