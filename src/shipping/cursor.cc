#include "shipping/cursor.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "os/file.h"

namespace wharf::shipping {

namespace {

constexpr std::string_view kMagic = "wharf-shipped-1";
constexpr std::size_t kNumbers = 7;
constexpr std::size_t kDigits = 16;
/// The magic word, the numbers and their hash, each after a space, and a line feed.
constexpr std::size_t kBytes = kMagic.size() + (kNumbers + 1) * (kDigits + 1) + 1;

std::array<std::uint64_t, kNumbers> numbers_of(const Position& position) {
  return {position.inode,   position.offset,    position.last_bytes, position.last_hash,
          position.dropped, position.pieces[0], position.pieces[1]};
}

}  // namespace

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return hash;
}

Cursor::Cursor(const os::Fd& directory)
    : file_(os::open_at(directory, kCursorName, O_RDWR | O_CREAT | O_NOFOLLOW, 0640)) {}

Position Cursor::load() const {
  std::string text(kBytes + 1, '\0');
  const auto got = os::check(WHARF_CALL(pread, file_.get(), text.data(), text.size(), 0),
                             "read the cursor of a log");
  text.resize(static_cast<std::size_t>(got));
  const std::size_t checked = kBytes - kDigits - 2;
  if (text.size() != kBytes || !text.starts_with(kMagic)) return {};
  std::array<std::uint64_t, kNumbers + 1> read{};
  for (std::size_t i = 0; i < read.size(); ++i) {
    const char* begin = text.data() + kMagic.size() + i * (kDigits + 1) + 1;
    const auto [end, failed] = std::from_chars(begin, begin + kDigits, read[i], 16);
    if (failed != std::errc() || end != begin + kDigits) return {};
  }
  if (hash_of(std::string_view(text).substr(0, checked)) != read.back()) return {};
  return {read[0], read[1], read[2], read[3], read[4], {read[5], read[6]}};
}

void Cursor::save(const Position& position) {
  std::string text(kMagic);
  for (const std::uint64_t number : numbers_of(position)) text += fmt::format(" {:016x}", number);
  text += fmt::format(" {:016x}\n", hash_of(text));
  os::check(WHARF_CALL(pwrite, file_.get(), text.data(), text.size(), 0),
            "write the cursor of a log");
}

}  // namespace wharf::shipping
