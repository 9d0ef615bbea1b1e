#include "archive/tar_writer.h"

#include <cstring>

#include "archive/tar_header.h"
#include "base/error.h"

namespace wharf::archive {
namespace {

constexpr std::uint64_t kMaxOctal7 = (1ULL << 21) - 1;
constexpr std::uint64_t kMaxOctal11 = (1ULL << 33) - 1;

void put_octal(std::string& block, FieldPlace place, std::uint64_t value) {
  const std::string digits = fmt::format("{:0{}o}", value, place.size - 1);
  // What does not fit is said by the PAX header; the field keeps zeros.
  const bool fits = digits.size() == place.size - 1;
  block.replace(place.offset, place.size - 1, fits ? digits : std::string(place.size - 1, '0'));
}

void put_text_field(std::string& block, FieldPlace place, std::string_view text) {
  const std::string_view cut = text.substr(0, place.size);
  block.replace(place.offset, cut.size(), cut);
}

char flag_of(Type type) {
  switch (type) {
    case Type::File:
      return '0';
    case Type::HardLink:
      return '1';
    case Type::Symlink:
      return '2';
    case Type::CharDevice:
      return '3';
    case Type::BlockDevice:
      return '4';
    case Type::Directory:
      return '5';
    case Type::Fifo:
      return '6';
  }
  return '0';
}

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + std::to_string(rest).size();
  if (std::to_string(length).size() != std::to_string(rest).size()) ++length;
  return fmt::format("{} {}={}\n", length, key, value);
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string extensions_of(const Entry& entry, const std::string& name) {
  std::string pax;
  if (name.size() > kName.size || !is_ascii(name)) pax += pax_record("path", name);
  if (entry.link.size() > kLink.size || !is_ascii(entry.link)) {
    pax += pax_record("linkpath", entry.link);
  }
  if (entry.size > kMaxOctal11) pax += pax_record("size", std::to_string(entry.size));
  if (entry.uid > kMaxOctal7) pax += pax_record("uid", std::to_string(entry.uid));
  if (entry.gid > kMaxOctal7) pax += pax_record("gid", std::to_string(entry.gid));
  if (entry.mtime_nanoseconds != 0 || entry.mtime_seconds < 0 ||
      static_cast<std::uint64_t>(entry.mtime_seconds) > kMaxOctal11) {
    // Before 1970 the fraction counts backwards in text: -0.25 is {-1, 750000000}.
    const bool before = entry.mtime_seconds < 0 && entry.mtime_nanoseconds != 0;
    const std::int64_t seconds = before ? -(entry.mtime_seconds + 1) : entry.mtime_seconds;
    const std::uint32_t fraction =
        before ? 1'000'000'000 - entry.mtime_nanoseconds : entry.mtime_nanoseconds;
    pax += pax_record("mtime", fmt::format("{}{}.{:09}", before ? "-" : "", seconds, fraction));
  }
  for (const auto& [key, value] : entry.xattrs) pax += pax_record("SCHILY.xattr." + key, value);
  return pax;
}

}  // namespace

void TarWriter::header(const Entry& entry, char flag, std::string_view name,
                       std::string_view link) {
  std::string block(kBlock, '\0');
  put_text_field(block, kName, name);
  put_octal(block, kMode, entry.mode);
  put_octal(block, kUid, entry.uid);
  put_octal(block, kGid, entry.gid);
  put_octal(block, kSize, entry.size);
  put_octal(block, kMtime,
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, entry.mtime_seconds)));
  put_text_field(block, kLink, link);
  block[kTypeOffset] = flag;
  std::memcpy(block.data() + kMagicOffset, "ustar\00000", 8);
  put_octal(block, kMajor, entry.major);
  put_octal(block, kMinor, entry.minor);
  block.replace(kChecksum.offset, 7, fmt::format("{:06o}", checksum_of(block)) + '\0');
  block[kChecksum.offset + 7] = ' ';
  sink_(block);
}

void TarWriter::entry(const Entry& entry) {
  if (left_ != 0) base::fail(base::Kind::Internal, "tar: {} bytes of content missing", left_);
  std::string name = entry.name;
  if (entry.type == Type::Directory && !name.ends_with('/')) name += '/';
  const std::string pax = extensions_of(entry, name);
  if (!pax.empty()) {
    Entry extended;
    extended.mode = 0644;
    extended.size = pax.size();
    header(extended, 'x', "PaxHeaders.0/entry", {});
    size_ = pax.size();
    left_ = size_;
    content(pax);
  }
  header(entry, flag_of(entry.type), name, entry.link);
  size_ = left_ = entry.type == Type::File ? entry.size : 0;
}

void TarWriter::content(std::string_view bytes) {
  if (bytes.size() > left_) base::fail(base::Kind::Internal, "tar: more content than announced");
  sink_(bytes);
  left_ -= bytes.size();
  if (left_ == 0 && !bytes.empty()) pad();
}

void TarWriter::pad() {
  sink_(std::string((kBlock - size_ % kBlock) % kBlock, '\0'));
}

void TarWriter::entry(const Entry& one, std::string_view bytes) {
  Entry sized = one;
  if (one.type == Type::File) sized.size = bytes.size();
  entry(sized);
  if (!bytes.empty()) content(bytes);
}

void TarWriter::finish() {
  sink_(std::string(2 * kBlock, '\0'));
}

}  // namespace wharf::archive
