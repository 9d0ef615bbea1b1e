#include "archive/tar_reader.h"

#include <cstring>

#include "archive/tar_header.h"
#include "base/error.h"
#include "base/strings.h"

namespace wharf::archive {
namespace {

constexpr std::size_t kBuffer = 256 << 10;
constexpr std::string_view kXattrKey = "SCHILY.xattr.";

[[noreturn]] void refuse(const Entry& entry, std::string_view why) {
  base::fail(base::Kind::InvalidArgument, "archive entry {}: {}", base::quoted(entry.name), why);
}

std::uint64_t padding_of(std::uint64_t size) {
  return (kBlock - size % kBlock) % kBlock;
}

bool is_zero(std::string_view block) {
  return block.find_first_not_of('\0') == std::string_view::npos;
}

Type type_of(char flag, Entry& entry) {
  switch (flag) {
    case '\0':
    case '0':
    case '7':
      // BSD and v7 write a directory as a file whose name ends in a slash; so do GNU tar and Go.
      return entry.name.ends_with('/') ? Type::Directory : Type::File;
    case '1':
      return Type::HardLink;
    case '2':
      return Type::Symlink;
    case '3':
      return Type::CharDevice;
    case '4':
      return Type::BlockDevice;
    case '5':
      return Type::Directory;
    case '6':
      return Type::Fifo;
    default:
      break;
  }
  refuse(entry, fmt::format("unsupported type flag {}", base::quoted({&flag, 1})));
}

std::uint32_t id_of(std::int64_t value, const Entry& entry, const char* called) {
  // (uid_t)-1 means "leave unchanged" to chown(2).
  if (value < 0 || value >= UINT32_MAX) refuse(entry, fmt::format("{} out of range", called));
  return static_cast<std::uint32_t>(value);
}

/// The kernel's dev_t has 12 bits of major and 20 of minor number; more would be cut silently.
void read_device(std::string_view header, Entry& entry) {
  if (!has_ustar_fields(header)) refuse(entry, "device without device numbers");
  const std::int64_t major = number_field(header, kMajor, "device major");
  const std::int64_t minor = number_field(header, kMinor, "device minor");
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) {
    refuse(entry, fmt::format("device number {}:{} out of range", major, minor));
  }
  entry.major = static_cast<std::uint32_t>(major);
  entry.minor = static_cast<std::uint32_t>(minor);
}

void read_fields(std::string_view header, Entry& entry) {
  const std::int64_t mode = number_field(header, kMode, "mode");
  if (mode < 0) refuse(entry, "negative mode");
  entry.mode = static_cast<mode_t>(mode & 07777);
  const std::int64_t size = number_field(header, kSize, "size");
  if (size < 0) refuse(entry, "negative size");
  entry.size = static_cast<std::uint64_t>(size);
  entry.mtime_seconds = number_field(header, kMtime, "modification time");
  entry.link = std::string(text_field(header, kLink));
}

void apply_pax(const std::map<std::string, std::string>& pax, Entry& entry, std::int64_t& uid,
               std::int64_t& gid) {
  std::size_t xattr_bytes = 0;
  for (const auto& [key, value] : pax) {
    if (key.starts_with("GNU.sparse.")) refuse(entry, "sparse files are not supported");
    if (key.starts_with(kXattrKey)) {
      xattr_bytes += key.size() + value.size();
      if (xattr_bytes > kMaxXattrs) refuse(entry, "too many extended attributes");
      entry.xattrs.insert_or_assign(key.substr(kXattrKey.size()), value);
      continue;
    }
    if (value.empty()) continue;  // POSIX: an empty value takes an earlier one back.
    if (key == "path") entry.name = value;
    if (key == "linkpath") entry.link = value;
    if (key == "size") entry.size = parse_pax_number(value, "size");
    if (key == "uid") uid = static_cast<std::int64_t>(parse_pax_number(value, "uid"));
    if (key == "gid") gid = static_cast<std::int64_t>(parse_pax_number(value, "gid"));
    if (key == "mtime") {
      const PaxTime time = parse_pax_time(value);
      entry.mtime_seconds = time.seconds;
      entry.mtime_nanoseconds = time.nanoseconds;
    }
  }
}

void check_entry(const Entry& entry) {
  if (entry.name.find('\0') != std::string::npos || entry.link.find('\0') != std::string::npos) {
    refuse(entry, "NUL in a name");
  }
  if (entry.link.size() > kMaxName) refuse(entry, "link target too long");
  // Tar readers disagree on whether content follows: such a header hides entries from some.
  if (entry.type != Type::File && entry.size != 0) refuse(entry, "only files may have a size");
  const bool links = entry.type == Type::HardLink || entry.type == Type::Symlink;
  if (links && entry.link.empty()) refuse(entry, "link without a target");
}

}  // namespace

std::string clean_name(std::string_view name) {
  if (name.size() > kMaxName) {
    base::fail(base::Kind::InvalidArgument, "archive entry name of {} bytes: file name too long",
               name.size());
  }
  if (name.find('\0') != std::string_view::npos) {
    base::fail(base::Kind::InvalidArgument, "archive entry {}: NUL in a name", base::quoted(name));
  }
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const std::size_t slash = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, slash - begin);
    begin = slash + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
      continue;
    }
    if (parts.empty()) {
      base::fail(base::Kind::InvalidArgument, "archive entry {} leads outside of the archive",
                 base::quoted(name));
    }
    parts.pop_back();
  }
  std::string clean;
  clean.reserve(name.size());
  for (const std::string_view part : parts) {
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

TarReader::TarReader(Source& source, const Limits& limits, Record* record)
    : source_(source), limits_(limits), record_(record), buffer_(kBuffer) {}

/// Up to `size` bytes that stay in the buffer; fewer only where the source ends.
std::string_view TarReader::fill(std::size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (begin_ + size > buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (size > buffer_.size()) buffer_.resize(size);
  }
  while (end_ - begin_ < size) {
    const std::size_t got = source_.read({buffer_.data() + end_, buffer_.size() - end_});
    if (got == 0) break;
    end_ += got;
  }
  return {buffer_.data() + begin_, std::min(size, end_ - begin_)};
}

/// Exactly `size` bytes, recorded.
std::string_view TarReader::take(std::size_t size) {
  const std::string_view bytes = fill(size);
  if (bytes.size() < size) {
    base::fail(base::Kind::InvalidArgument, "archive/tar: unexpected EOF");
  }
  if (record_) record_->raw(bytes);
  begin_ += size;
  return bytes;
}

/// False at the end of the archive: two zero blocks, or, as GNU tar and Go have it, the end of
/// the source where a header would start.
bool TarReader::read_header(std::string& block) {
  const std::string_view first = fill(kBlock);
  if (first.empty()) return false;
  block = take(kBlock);
  if (!is_zero(block)) {
    if (!checksum_holds(block)) invalid_header("wrong checksum");
    return true;
  }
  if (!fill(kBlock).empty() && !is_zero(take(kBlock))) invalid_header("a lone block of zeros");
  return false;
}

std::string TarReader::read_payload(const std::string& header, const char* what) {
  const std::int64_t size = number_field(header, kSize, "size");
  if (size < 0 || size > static_cast<std::int64_t>(kMaxExtendedHeader)) {
    base::fail(base::Kind::TooLarge, "archive/tar: {} of {} bytes, at most {} are allowed", what,
               size, kMaxExtendedHeader);
  }
  const auto length = static_cast<std::size_t>(size);
  std::string payload(take(length));
  take(padding_of(length));
  return payload;
}

void TarReader::read_global(std::string_view payload) {
  for (auto& [key, value] : parse_pax(payload)) {
    // These belong to one file; for all of them they only serve to confuse readers.
    if (key == "path" || key == "linkpath" || key == "size" || key.starts_with("GNU.sparse.") ||
        key.starts_with(kXattrKey)) {
      invalid_header(fmt::format("global PAX header with {}", base::quoted(key)));
    }
    const bool used = key == "uid" || key == "gid" || key == "mtime";
    if (used) global_.insert_or_assign(key, value);
  }
}

/// True where `header` was not an entry but says something about the next one.
bool TarReader::read_extension(char flag, const std::string& header, Extensions& extensions) {
  if (flag == 'g') {
    read_global(read_payload(header, "PAX header"));
  } else if (flag == 'x') {
    if (!extensions.pax.empty()) invalid_header("two PAX headers for one entry");
    extensions.pax = parse_pax(read_payload(header, "PAX header"));
  } else if (flag == 'L' || flag == 'K') {
    bool& seen = flag == 'L' ? extensions.has_long_name : extensions.has_long_link;
    if (seen) invalid_header("two long names for one entry");
    seen = true;
    std::string text = read_payload(header, flag == 'L' ? "long name" : "long link");
    text.resize(std::min(text.size(), text.find('\0')));
    (flag == 'L' ? extensions.long_name : extensions.long_link) = std::move(text);
  } else {
    return false;
  }
  return true;
}

bool TarReader::next(Entry& entry) {
  finish_entry();
  entry = {};
  Extensions extensions;
  std::string header;
  bool extended = false;
  while (true) {
    if (!read_header(header)) {
      if (extended) base::fail(base::Kind::InvalidArgument, "archive/tar: unexpected EOF");
      drain();
      return false;
    }
    if (++entries_ > limits_.max_entries) {
      base::fail(base::Kind::TooLarge, "archive has more than {} entries (max_entries)",
                 limits_.max_entries);
    }
    const char flag = header[kTypeOffset];
    if (!read_extension(flag, header, extensions)) break;
    extended = extended || flag != 'g';
  }

  entry.name = extensions.has_long_name ? extensions.long_name : header_name(header);
  read_fields(header, entry);
  if (extensions.has_long_link) entry.link = extensions.long_link;
  if ((extensions.has_long_name && extensions.pax.contains("path")) ||
      (extensions.has_long_link && extensions.pax.contains("linkpath"))) {
    refuse(entry, "both a PAX and a GNU long name");
  }
  std::int64_t uid = number_field(header, kUid, "uid");
  std::int64_t gid = number_field(header, kGid, "gid");
  apply_pax(global_, entry, uid, gid);
  apply_pax(extensions.pax, entry, uid, gid);
  entry.uid = id_of(uid, entry, "uid");
  entry.gid = id_of(gid, entry, "gid");
  entry.type = type_of(header[kTypeOffset], entry);
  if (entry.type == Type::CharDevice || entry.type == Type::BlockDevice) read_device(header, entry);
  check_entry(entry);
  content_left_ = entry.size;
  padding_ = padding_of(entry.size);
  return true;
}

std::string_view TarReader::content() {
  if (content_left_ == 0) return {};
  if (begin_ == end_ && fill(1).empty()) {
    base::fail(base::Kind::InvalidArgument, "archive/tar: unexpected EOF");
  }
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(content_left_, end_ - begin_));
  const std::string_view bytes(buffer_.data() + begin_, size);
  begin_ += size;
  content_left_ -= size;
  if (recording_content_) record_->raw(bytes);
  return bytes;
}

void TarReader::record_content() {
  recording_content_ = record_ != nullptr;
}

void TarReader::finish_entry() {
  // Content nobody asked for is not in the tree either, so it must be in the record.
  if (content_left_ > 0) record_content();
  while (!content().empty()) continue;
  if (padding_ > 0) take(static_cast<std::size_t>(std::exchange(padding_, 0)));
  recording_content_ = false;
}

void TarReader::drain() {
  while (true) {
    const std::string_view rest = fill(1);
    if (rest.empty()) return;
    take(end_ - begin_);
  }
}

}  // namespace wharf::archive
