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

std::string text_of(const Position& position) {
  std::string text(kMagic);
  for (const std::uint64_t number :
       {position.inode, position.offset, position.last_bytes, position.last_hash, position.dropped,
        position.pieces[0], position.pieces[1]}) {
    text += fmt::format(" {:016x}", number);
  }
  return text + fmt::format(" {:016x}\n", hash_of(text));
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
  if (text.size() != kBytes) return {};
  std::array<std::uint64_t, kNumbers> read{};
  for (std::size_t i = 0; i < read.size(); ++i) {
    const char* begin = text.data() + kMagic.size() + i * (kDigits + 1) + 1;
    std::from_chars(begin, begin + kDigits, read[i], 16);
  }
  const Position position{read[0], read[1], read[2], read[3], read[4], {read[5], read[6]}};
  return text == text_of(position) ? position : Position();
}

void Cursor::save(const Position& position) {
  const std::string text = text_of(position);
  os::check(WHARF_CALL(pwrite, file_.get(), text.data(), text.size(), 0),
            "write the cursor of a log");
}

}  // namespace wharf::shipping
